"""Tests of curves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.context import ImageContext
from core.explanation.quality.case import relevance_order
from core.explanation.quality.control_maps import control_maps, random_map
from core.explanation.quality.curves import impute, noise_field
from core.explanation.quality.scores import Curve
from core.explanation.quality.scoring import ScoringTask
from core.models.classifier import FLOOR, Classifier
from tests.support.quadrants import LABEL, SIDE, conv_classifier, explanation_of_map


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return conv_classifier(strength=80.0)


@pytest.fixture(scope="module")
def context() -> ImageContext:
    return ImageContext(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def own_map(signed: bool) -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((SIDE, SIDE)).astype(np.float32)
    return values if signed else np.round(np.maximum(values, 0), 1)


def probability(classifier: Classifier, picture: np.ndarray) -> float:
    """The pipeline's answer, written slowly: standardise, network, softmax at the card's temperature."""
    inputs = torch.from_numpy(picture.astype(np.float64) / 255).permute(2, 0, 1)[None].float()
    mean, deviation = inputs.mean((2, 3), keepdim=True), inputs.std((2, 3), keepdim=True)
    with torch.no_grad():
        logits = classifier.network((inputs - mean) / (deviation + FLOOR))[0].double()
    powers = torch.exp(logits / classifier.card.temperature)
    return float(powers[classifier.card.classes.index(LABEL)] / powers.sum())


def finished(
    classifier: Classifier, context: ImageContext, values: np.ndarray, scores: list[str], seed: int = 0
) -> ScoringTask:
    explanation = explanation_of_map(classifier, context, values, signed=bool(values.min() < 0))
    task = ScoringTask(classifier, context, explanation, LABEL, scores, seed)
    while not task.done:
        task.advance()
    return task


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", ["deletion", "insertion"])
def test_mask_curves_are_petsiuks(classifier: Classifier, context: ImageContext, kind: str, signed: bool) -> None:
    values, ties = own_map(signed), random_map(SIDE, 0)
    pixels = sorted(np.ndindex(SIDE, SIDE), key=lambda at: (-values[at], -ties[at]))
    original, hidden = context.picture(SIDE), baseline(context, "blur", SIDE)
    slow = []
    for step in range(21):
        picture = (original if kind == "deletion" else hidden).copy()
        for at in pixels[: round(step / 20 * len(pixels))]:
            picture[at] = (hidden if kind == "deletion" else original)[at]
        slow.append(probability(classifier, picture))
    scoring = finished(classifier, context, values, [kind]).scoring()
    (curve,) = [curve for curve in scoring.curves if curve.of == "map"]
    np.testing.assert_allclose(curve.probabilities, slow, atol=1e-4)
    np.testing.assert_allclose(curve.shares, np.arange(21) / 20)
    assert scoring.rows[0].value == pytest.approx(np.trapezoid(slow, dx=0.05), abs=1e-4)
    assert np.ptp(slow) > 0.05  # the curve does say something


def test_road_is_the_papers(classifier: Classifier, context: ImageContext) -> None:
    values, ties, seed = own_map(False), random_map(SIDE, 3), 3
    pixels = sorted(np.ndindex(SIDE, SIDE), key=lambda at: (-values[at], -ties[at]))
    slow = {"road-most": [], "road-least": []}
    for kind, order in (("road-most", pixels), ("road-least", pixels[::-1])):
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            missing = np.zeros((SIDE, SIDE), bool)
            for at in order[: round(share * len(order))]:
                missing[at] = True
            tensor = torch.from_numpy(context.picture(SIDE) / 255.0).permute(2, 0, 1).float()
            filled = NoisyLinearImputer(noise=0)(tensor, torch.from_numpy(~missing).float()).permute(1, 2, 0).numpy()
            filled = np.where(missing[..., None], filled + noise_field((SIDE, SIDE, 3), seed), filled)
            slow[kind].append(probability(classifier, np.rint(np.clip(filled, 0, 1) * 255)))
    scoring = finished(classifier, context, values, ["road"], seed).scoring()
    for kind, expected in slow.items():
        (curve,) = [curve for curve in scoring.curves if (curve.kind, curve.of) == (kind, "map")]
        np.testing.assert_allclose(curve.probabilities, expected, atol=2e-3)
    difference = np.mean(slow["road-least"]) - np.mean(slow["road-most"])
    assert scoring.rows[0].value == pytest.approx(difference, abs=2e-3)


def test_controls_cost_nothing_the_second_time(
    classifier: Classifier, context: ImageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = finished(classifier, context, own_map(False), ["deletion", "road"])
    asked: list[int] = []
    network = classifier.inference_copy("float32")

    def counted(inputs: torch.Tensor) -> torch.Tensor:
        asked.append(len(inputs))
        return network.forward(inputs)

    monkeypatch.setitem(classifier._inference_copies, "float32", counted)  # type: ignore[arg-type]
    again = finished(classifier, context, own_map(True), ["road"])
    assert sum(asked) == 10  # the map's own pictures alone
    assert again.scoring().rows[0].controls == first.scoring().rows[1].controls


def test_area_is_the_trapeziums_and_of_a_line_the_middle() -> None:
    shares = np.linspace(0, 1, 21)
    assert Curve("deletion", "map", shares, 1 - shares).area == pytest.approx(0.5)
    assert Curve("deletion", "map", shares, shares**2).area == pytest.approx(1 / 3 + 0.05**2 / 6)
    assert Curve("road-most", "map", np.array([0.1, 0.9]), np.array([1.0, 0.0])).area == pytest.approx(0.5)


def test_ties_follow_the_random_map_and_favour_no_corner() -> None:
    ties = random_map(SIDE, 0)
    flat = relevance_order(np.zeros((SIDE, SIDE), np.float32), ties)
    assert np.array_equal(flat, np.argsort(-ties.ravel(), kind="stable"))


def test_controls_know_the_picture_or_nothing(context: ImageContext) -> None:
    maps = control_maps(context, SIDE, 4)
    assert set(maps) == {"random", "edges", "centre"}
    grey = context.picture(SIDE) @ np.array([0.299, 0.587, 0.114])
    across = grey[4:7, 5] @ [-1, -2, -1] + grey[4:7, 7] @ [1, 2, 1]
    down = grey[4, 5:8] @ [-1, -2, -1] + grey[6, 5:8] @ [1, 2, 1]
    assert maps["edges"][5, 6] == pytest.approx(np.hypot(across, down), abs=8)
    assert maps["centre"][32, 32] / maps["centre"][32, 48] == pytest.approx(np.exp((16.5**2 - 0.5**2) / (2 * 12.8**2)))
    assert maps["random"].min() == 0 and maps["random"].max() == 1
    assert not np.array_equal(maps["random"], control_maps(context, SIDE, 5)["random"])


def case(side: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((side, side, 3)), rng.random((side, side)) < share


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_it_is_pytorch_grad_cams_imputer_without_noise(share: float) -> None:
    picture, missing = case(24, share)
    upstream = NoisyLinearImputer(noise=0)
    theirs = upstream(torch.from_numpy(picture).permute(2, 0, 1).float(), torch.from_numpy(~missing).float())
    ours = impute(picture, missing)
    np.testing.assert_allclose(ours, theirs.permute(1, 2, 0).numpy(), atol=1e-5)


def test_every_missing_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    picture, missing = case(9, 0.6)
    missing[0, :4] = True  # at the border too
    filled = impute(picture, missing)
    for row, column in np.argwhere(missing):
        total, weight = np.zeros(3), 0.0
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                y, x = row + down, column + right
                if (down or right) and 0 <= y < 9 and 0 <= x < 9:
                    each = 1 / 12 if down and right else 1 / 6
                    total, weight = total + each * filled[y, x], weight + each
        np.testing.assert_allclose(filled[row, column], total / weight, atol=1e-12)
    assert np.array_equal(filled[~missing], picture[~missing])


def test_nothing_missing_changes_nothing_and_all_missing_is_refused() -> None:
    picture, _ = case(6, 0.5)
    assert np.array_equal(impute(picture, np.zeros((6, 6), bool)), picture)
    with pytest.raises(InputError, match="keep at least one"):
        impute(picture, np.ones((6, 6), bool))


def test_noise_is_small_and_the_seeds() -> None:
    one = noise_field((50, 50, 3), 1)
    assert np.array_equal(one, noise_field((50, 50, 3), 1)) and not np.array_equal(one, noise_field((50, 50, 3), 2))
    assert one.std() == pytest.approx(0.01, rel=0.05)
