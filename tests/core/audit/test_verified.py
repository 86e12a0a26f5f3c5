"""An audit's maps beside the reference library's: passed, failed, and not run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.audit.run import AuditOrder, run_audit
from core.audit.verified import told_of, verified
from core.errors import InputError
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.verification import Verification
from core.simulation import draw_cell
from tests.support.datasets import cell
from tests.support.tiny_models import make_model


def check(difference: float) -> ReferenceCheck:
    theirs = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    return ReferenceCheck("tiny", "gradcam", "monocyte", "grad-cam", "1", theirs + difference, theirs, 0.001)


def test_grad_cam_is_the_librarys(tmp_path: Path) -> None:
    make_model(tmp_path, "tiny", 3)
    path = tmp_path / "one.png"
    Image.fromarray(draw_cell("monocyte", 1, size=140).image).save(path)
    told: list[str] = []
    rows = pd.DataFrame({"path": [str(path)], "box": [""]})
    finding = verified(tmp_path / "tiny", rows, 0, "cpu", told.append)
    assert finding.status == "passed" and finding.of == 5 and "5 of 5 Grad-CAM maps" in finding.sentence
    assert told and finding.mark == "explanations/tiny/reference"


def test_one_map_that_differs_fails_the_check() -> None:
    found = [Verification("tiny", "gradcam", "grad-cam", "1", (check(0.0), check(0.01)))]
    finding = told_of("tiny", found)
    assert finding.status == "failed" and "1 of 2" in finding.sentence and finding.figure == pytest.approx(0.01)
    assert told_of("tiny", [replace(found[0], checks=(check(0.0),))]).status == "passed"


def test_nothing_compared_is_not_run_and_says_why() -> None:
    finding = told_of("tiny", [Verification("tiny", "gradcam", reason="It has no gradients.")])
    assert finding.status == "not run" and "no gradients" in finding.sentence


def images(tmp_path: Path) -> Path:
    for number in range(40):
        label, split = ("basophil", "monocyte")[number % 2], ("val", "test")[number // 20]
        cell(tmp_path / "cells" / split / label / f"{number}.png", number, label)
    return tmp_path / "cells"


def test_thresholds_are_chosen_on_another_split_and_never_on_the_audited(tmp_path: Path) -> None:
    make_model(tmp_path, "islam_cnn", 3)
    place = images(tmp_path)
    order = AuditOrder(
        (tmp_path / "islam_cnn",), tmp_path / "out", place, steps=("calibration", "operating"), choose_on="val"
    )
    report = run_audit(order, lambda line: None)
    calibration, operating = report.results
    assert [row[2] for row in calibration.tables[1].rows] == ["before", "the card", "the images to choose on"]
    assert "on the images to choose on" in operating.findings[0].sentence or operating.findings[0].status == "failed"
    with pytest.raises(InputError, match="another split"):
        run_audit(replace(order, choose_on="test"), lambda line: None)
    with pytest.raises(InputError, match="need images"):
        run_audit(replace(order, place=None), lambda line: None)
