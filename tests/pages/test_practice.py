"""The Practice page: nothing tells the class before the answer; then all is told and counted, and misses come back."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.classes import CLASSES
from core.practice.morphology import AGAINST, SIGNS
from core.practice.progress import PracticeProgress
from core.simulation.cell import draw_cell
from dashboard.images import Subject
from dashboard.practice import page
from dashboard.practice.cells import PracticeCell
from dashboard.practice.record import FILE, PROGRESS
from tests.support.datasets import cell
from tests.support.reading import Start, alerts, assert_sound, html, labels, press, shown

TRUTHS = ("neutrophil", "monocyte", "basophil")


def outputs(app: AppTest) -> str:
    """Everything that the page sends to the browser, as text: labels, HTML, names and alternative texts."""
    return "\n".join(str(getattr(element, "proto", element)) for element in walk(app._tree))


def walk(block: object) -> list[object]:
    children = getattr(block, "children", {})
    return [item for child in children.values() for item in (child, *walk(child))] if children else []


@pytest.fixture
def practising(start: Start, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A run over three known cells."""
    cells = tuple(PracticeCell(label, seed=10_000 + number) for number, label in enumerate(TRUTHS))
    monkeypatch.setattr(page, "cells_from", lambda *_: cells)
    return press(start("practice"), "Begin")


def named(app: AppTest, name: str) -> AppTest:
    return app.button(key=f"practice-{name}").click().run()


def test_a_fresh_page_says_how_to_begin(start: Start) -> None:
    app = start("practice")
    assert_sound(app)
    assert "Begin a run" in alerts(app)
    app = press(app, "Begin")
    assert_sound(app)
    assert "1 of 10 cells" in shown(app)


def test_nothing_on_the_page_depends_on_the_class_before_the_answer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Subject("", "", draw_cell("monocyte", 7).image, "0" * 64, True, None, "")
    monkeypatch.setattr("dashboard.practice.cells._subject", lambda _: drawn)
    monkeypatch.setattr(page.secrets, "randbelow", lambda _: 1)
    monkeypatch.setattr("core.practice.progress.secrets.token_hex", lambda _: "0" * 16)
    seen = {}
    for label in CLASSES:
        monkeypatch.setattr(page, "cells_from", lambda *_, label=label: (PracticeCell(label, seed=7),))
        seen[label] = outputs(press(start("practice"), "Begin"))
    assert "Which cell is it?" in seen["monocyte"] and "Cell 1" in seen["monocyte"]
    assert len(set(seen.values())) == 1, "one and the same picture, whatever it is, on one and the same page"


def test_a_class_stands_on_the_page_as_a_name_to_choose_alone(practising: AppTest) -> None:
    counts = {name: len(re.findall(name, outputs(practising))) for name in CLASSES}
    assert len(set(counts.values())) == 1, counts
    assert not any(sentence in outputs(practising) for sentence in (*SIGNS.values(), *AGAINST.values()))
    assert "says</p>" not in html(practising)


def test_a_right_answer_is_told_with_what_shows_it_the_models_and_its_map(practising: AppTest) -> None:
    app = named(practising, "neutrophil")
    assert_sound(app)
    assert "✓ right" in html(app) and "It is a <strong>neutrophil</strong>" in html(app)
    assert SIGNS["neutrophil"] in html(app)
    assert "MobileNet-V3-Small says" in html(app) and "Grad-CAM of MobileNet-V3-Small" in outputs(app)
    assert app.session_state[PROGRESS].simulated.own[4][4] == 1
    assert sum(map(sum, app.session_state[PROGRESS].simulated.models["mobilenet_v3_small"])) == 1


def test_a_wrong_answer_is_told_against_what_was_said_and_comes_back(practising: AppTest) -> None:
    app = named(practising, "eosinophil")
    assert "✗ wrong" in html(app) and AGAINST["neutrophil", "eosinophil"] in unescape(html(app))
    assert "1 missed to come back" in shown(app)
    for name in ("monocyte", "basophil"):
        app = named(press(app, "Next"), name)
    app = press(app, "Next")
    assert "Cell 1</p>" in html(app)
    app = press(named(app, "neutrophil"), "Next")
    assert_sound(app)
    assert "2 of 3 cells named right at first sight" in app.success[0].value
    tally = app.session_state[PROGRESS].simulated
    assert (tally.returned, tally.recovered, sum(map(sum, tally.own))) == (1, 1, 3)
    assert "Share named right, by class" in html(app)


def test_a_model_that_is_missing_says_so_and_the_rest_goes_on(start: Start, tmp_path: Path) -> None:
    app = press(start("practice", root=tmp_path), "Begin")
    app = named(app, "monocyte")
    assert_sound(app)
    assert "checkpoint" in alerts(app).lower() and "Next" in labels(app)


def test_uploads_with_labels_are_a_source_and_their_names_stay_unsaid(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = start("practice")
    data = cell(tmp_path / "cell.png").read_bytes()
    app = app.file_uploader[0].set_value([("up/lymphocyte/sneaky.png", data, "image/png")]).run()
    app.selectbox(key="training-practice-source").set_value("uploads").run()
    app = press(app, "Begin")
    assert_sound(app)
    assert "1 of 1 cells" in shown(app) and "sneaky" not in outputs(app) and "up/" not in outputs(app)
    assert "Simulated, not a photograph" not in shown(app)
    app = named(app, "lymphocyte")
    assert app.session_state[PROGRESS].photographs.own[2][2] == 1


def test_an_upload_that_was_forgotten_is_skipped(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "cells_from", lambda *_: (PracticeCell("basophil", upload="upload-gone"),))
    app = press(start("practice"), "Begin")
    assert_sound(app)
    assert "cannot be shown" in alerts(app)
    app = press(app, "Skip")
    assert "0 of 0 cells" in app.success[0].value


def test_figures_come_back_from_a_file_and_a_wrong_one_is_refused(start: Start) -> None:
    app = start("practice")
    record = answered_once()
    tally, kept = record.simulated, record.to_text().encode()
    for _ in range(2):  # the same file twice is one record
        app.file_uploader(key=FILE).set_value(("mine.json", kept, "application/json")).run()
        assert app.session_state[PROGRESS].simulated == tally
    app.file_uploader(key=FILE).set_value(("bad.json", b'{"a": "<b>"}', "application/json")).run()
    assert_sound(app)
    assert "no record of practice" in alerts(app)
    assert app.session_state[PROGRESS].simulated == tally
    app = app.button(key="practice-forget").click().run()
    assert app.session_state[PROGRESS].simulated != tally


def answered_once() -> PracticeProgress:
    """A record of one basophil named right."""
    return PracticeProgress().with_change(True, lambda tally: tally.counted("basophil", "basophil", True))


def storage(app: AppTest) -> dict[str, object]:
    """What the page hands to the part that reads and writes the browser's storage."""
    protos = [getattr(element, "proto", None) for element in walk(app._tree)]
    found = next(proto for proto in protos if type(proto).__name__ == "BidiComponent")
    told: dict[str, object] = json.loads(found.json)
    return told


def test_the_browser_is_read_first_and_written_after(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    app = start("practice")
    assert storage(app)["text"] is None
    kept = answered_once()
    monkeypatch.setattr("dashboard.practice.record.held_by_browser", kept.to_text)
    app.run()
    assert app.session_state[PROGRESS] == kept and storage(app)["text"] == kept.to_text()
    app.run()
    assert app.session_state[PROGRESS] == kept, "it is added once"


def test_a_storage_that_holds_nonsense_is_told_and_left(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.practice.record.held_by_browser", lambda: "<script>")
    app = start("practice").run()
    assert_sound(app)
    assert "is left out" in alerts(app) and storage(app)["left"]
    app = app.button(key="practice-anew").click().run()
    assert "is left out" not in alerts(app) and not storage(app)["left"]


def test_a_data_set_on_the_server_is_a_source_and_its_paths_stay_unsaid(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKOLENS_DATA", str(tmp_path))
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    for number in range(3 * len(CLASSES)):
        label = CLASSES[number % len(CLASSES)]
        cell(tmp_path / "lisc" / label / f"{number}.png", number, label)
    app = start("practice")
    app.selectbox(key="training-practice-source").set_value("lisc").run()
    app = press(app, "Begin")
    assert_sound(app)
    assert "1 of 10 cells" in shown(app) and str(tmp_path) not in outputs(app)
    counts = {name: len(re.findall(name, outputs(app))) for name in CLASSES}
    assert len(set(counts.values())) == 1, counts
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    app = named(app, "monocyte")
    app = press(app, "Next")
    assert_sound(app)
    assert "cannot be shown" in alerts(app) and str(tmp_path) not in outputs(app)


def test_who_may_not_read_the_servers_folders_is_offered_none(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell(tmp_path / "lisc" / "monocyte" / "1.png")
    monkeypatch.setenv("LEUKOLENS_DATA", str(tmp_path))
    monkeypatch.setenv("LEUKOLENS_TRAINING", "off")
    assert start("practice").selectbox(key="training-practice-source").options == ["Simulated cells"]
