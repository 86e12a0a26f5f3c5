"""Every method has a reference that it agrees with, or a reason; a wrong map is found out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.explanation.methods.registry import METHODS
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.registry import REFERENCES, WITHOUT
from core.models.checkpoints import load_classifier, save_classifier
from tests.support.tiny_models import make_model

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn", 4)
    enliven(root / "islam_cnn")
    command = [sys.executable, "-m", "tests.support.reference_run", str(root / "islam_cnn")]
    ran = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def enliven(folder: Path) -> None:
    """Scale the weights up, so that a random network's outputs depend on the picture."""
    classifier = load_classifier(folder)
    with torch.no_grad():
        for layer in classifier.network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.weight.mul_(1.7)
    save_classifier(folder, classifier.card, classifier.network)


def test_each_method_has_a_reference_or_a_reason() -> None:
    assert {*REFERENCES, *WITHOUT} == set(METHODS) and not {*REFERENCES} & {*WITHOUT}
    assert all(len(reason) > 30 for reason in WITHOUT.values())
    for reference in REFERENCES.values():
        assert reference.version and reference.compares and 0 < reference.tolerance <= 0.01 and reference.limit[1]


def test_every_reference_agrees(found: list[dict[str, object]]) -> None:
    assert [entry["method"] for entry in found[::2]] == list(REFERENCES)
    for entry in found:
        assert entry["agrees"], entry["sentence"]
        assert entry["told"][0] == entry["told"][1] > 0, entry  # type: ignore[index]
    assert sum(entry["largest_value"] > 1e-4 for entry in found) > len(found) * 0.7  # type: ignore[operator]


def test_a_map_that_is_off_at_one_pixel_differs(found: list[dict[str, object]]) -> None:
    for entry in found:
        assert entry["off"] == (entry["largest_value"] == 0) or entry["largest_value"] < 1e-4, entry  # type: ignore[operator]


def check_of(ours: np.ndarray, theirs: np.ndarray) -> ReferenceCheck:
    maps = (np.asarray(each, dtype=np.float32) for each in (ours, theirs))
    return ReferenceCheck("model", "lime", "monocyte", "lime", "0.2", *maps, tolerance=0.01)


def test_figures_of_a_check() -> None:
    theirs = np.arange(-8, 8).reshape(4, 4)
    ours = theirs + np.where(theirs == 3, 0.5, 0)
    check = check_of(ours, theirs)
    assert check.largest_difference == 0.5 and check.largest_value == 8 and check.relative_difference == 0.0625
    assert check.rank_correlation == 1.0 and not check.agrees and "DIFFERS" in check.sentence
    assert check_of(theirs + 0.07, theirs).agrees and not check_of(theirs + 0.09, theirs).agrees
    assert "6.2 %" in check.sentence and "tolerance 1 %" in check.sentence


def test_zero_maps_and_numbers_that_are_none() -> None:
    zero, one = np.zeros((4, 4)), np.ones((4, 4))
    assert check_of(zero, zero).agrees and "0 everywhere" in check_of(zero, zero).sentence
    assert check_of(zero, zero).relative_difference == 0 and check_of(zero, zero).rank_correlation is None
    assert not check_of(one, zero).agrees and check_of(one, zero).relative_difference == float("inf")
    assert not check_of(one * np.nan, one).agrees and not check_of(one, one * np.nan).agrees


def test_bfloat16_is_judged_by_ranks() -> None:
    theirs = np.arange(64).reshape(8, 8).astype(float)
    rough = theirs * (1 + 0.01 * np.sin(theirs))
    assert not check_of(rough * 1.03, theirs).agrees
    coarse = replace(check_of(rough * 1.03, theirs), precision="bfloat16")
    assert coarse.agrees and "rank correlation" in coarse.rule
    assert not replace(check_of(theirs[::-1], theirs), precision="bfloat16").agrees
