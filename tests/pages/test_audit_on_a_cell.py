"""One cell in other light, focus and stain on the Audit page: pictures of all steps, and the engine's own answers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.audit.shifts import SHIFTS, shifted
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from dashboard.audit.on_a_cell import stepped
from dashboard.images import FIRST, Subject, gallery_subjects
from dashboard.ui.format import percent
from tests.support.reading import Start, alerts, assert_sound, html
from tests.support.tiny_models import make_model


@pytest.fixture
def models(tmp_path: Path) -> Path:
    make_model(tmp_path / "models", "islam_cnn", 3)
    return tmp_path / "models"


def opened(app: AppTest) -> AppTest:
    app.session_state["audit-on-a-cell"] = True
    return app.run()


def test_a_step_is_the_audits_own_and_step_nought_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    subject = Subject("cell-1", "A cell", rgb, "a" * 64, True, None, "")
    assert stepped(subject, "focus", 0) is subject
    changed = stepped(subject, "focus", 3)
    assert (changed.rgb == shifted(rgb, "focus", 3)).all() and changed.sha256 != subject.sha256
    assert len({stepped(subject, name, step).sha256 for name in SHIFTS for step in (1, 5)}) == 2 * len(SHIFTS)


def test_answers_stand_under_every_step(start: Start, models: Path) -> None:
    app = opened(start("audit", root=models))
    assert_sound(app)
    app = app.selectbox(key="audit-shift").set_value("noise").run()
    assert_sound(app)
    assert "step 5: 32 grey levels" in html(app) and "as it is" in html(app)
    row = re.search(r"<tr><th[^>]*>Custom CNN.*?</tr>", html(app).replace("\n", ""))
    assert row is not None, html(app)[-1500:]
    given = re.findall(r"<td>(?:<strong>)?([a-z]+), ([\d.]+) %", row[0])
    classifier = load_classifier(models / "islam_cnn")
    cell = gallery_subjects.__wrapped__()[FIRST]  # past the cache, which needs a server
    views = [frame_image(stepped(cell, "noise", step).rgb, classifier.card.framing).rgb for step in range(6)]
    asked = [classifier.predict([view])[0] for view in views]
    assert given == [(one.predicted, percent(one.confidence)[:-2]) for one in asked]


def test_with_guess_first_nothing_is_told(start: Start, models: Path) -> None:
    app = opened(start("audit", root=models, guess="on"))
    assert_sound(app)
    assert "The answers wait for your guess" in alerts(app) and "step 5" not in html(app)
