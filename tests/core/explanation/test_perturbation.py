"""Outputs for partly hidden pictures against composing them slowly, pixel by pixel, with the public transform."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.context import ImageContext
from core.explanation.perturbation import Evaluator, MaskCompositor, evaluator
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier, standardise
from tests.support.tiny_models import make_model

SIDE = 48


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn")
    return load_classifier(root / "islam_cnn")


def noise(seed: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def slowly(original: np.ndarray, hidden: np.ndarray, keep: np.ndarray) -> torch.Tensor:
    share = keep.astype(np.float64)[..., None]
    mixed = share * original / 255 + (1 - share) * hidden / 255
    return standardise(torch.from_numpy(mixed).permute(0, 3, 1, 2)).float()


def grid(side: int, parts: int = 4) -> np.ndarray:
    place = np.arange(side) * parts // side
    return (place[:, None] * parts + place).astype(np.int32)


PICTURES = [
    (noise(0), noise(1)),
    (noise(0), np.full((SIDE, SIDE, 3), 200, np.uint8)),
    (np.full((SIDE, SIDE, 3), 97, np.uint8), np.full((SIDE, SIDE, 3), 97, np.uint8)),
    (np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)),
]


@pytest.mark.parametrize("pair", PICTURES)
def test_composed_pictures_are_the_standardised_ones(pair: tuple[np.ndarray, np.ndarray]) -> None:
    compositor, rng = MaskCompositor(*pair, torch.float32), np.random.default_rng(3)
    shares = rng.random((5, SIDE, SIDE), dtype=np.float32)
    shares[0], shares[1] = 1, 0
    assert (compositor.soft(shares) - slowly(*pair, shares)).abs().max() < 1e-4
    assert (compositor.hard(shares > 0.5) - slowly(*pair, shares > 0.5)).abs().max() < 1e-4
    keep, labels = rng.random((5, 16)) < 0.5, grid(SIDE).astype(np.uint8)
    made = compositor.of_regions(keep, labels, compositor.sums(labels))
    assert (made - slowly(*pair, keep[:, labels])).abs().max() < 1e-4
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_pictures_are_the_rounded_ones() -> None:
    keep = noise(5)[..., 0][None] > 128
    exact = MaskCompositor(*PICTURES[0], torch.float32).hard(keep)
    assert torch.equal(MaskCompositor(*PICTURES[0], torch.bfloat16).hard(keep), exact.bfloat16())


def test_logits_are_the_networks_own(classifier: Classifier) -> None:
    context, labels = ImageContext(noise(2, 120)), grid(120)
    keep = np.random.default_rng(0).random((40, 16)) < 0.5
    found = evaluator(classifier, context, "blur", "float32").of_regions(keep, labels)
    pictures = slowly(context.picture(120), baseline(context, "blur", 120), keep[:, labels])
    np.testing.assert_allclose(found, classifier.run(pictures)[0].numpy(), atol=1e-4)


def test_region_pixel_and_share_masks_agree(classifier: Classifier) -> None:
    one, labels = Evaluator(classifier, ImageContext(noise(2, 120)), "mean", "float32"), grid(120)
    keep = np.random.default_rng(0).random((10, 16)) < 0.5
    by_region = one.of_regions(keep, labels)
    np.testing.assert_allclose(one.of_masks(keep[:, labels]), by_region, atol=1e-4)
    np.testing.assert_allclose(one.of_masks(keep[:, labels].astype(np.float32)), by_region, atol=1e-4)
    assert one.of_masks(np.zeros((0, 120, 120), np.float32)).shape == (0, 5)
    many = np.arange(120 * 120, dtype=np.int32).reshape(120, 120) // 45  # 320 superpixels
    kept = np.random.default_rng(1).random((3, 320)) < 0.5
    np.testing.assert_array_equal(one.of_regions(kept, many), one.of_masks(kept[:, many]))


def test_a_mask_is_evaluated_once(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    one, labels = Evaluator(classifier, ImageContext(noise(2, 120)), "mean", "float32"), grid(120)
    run, seen = one._run, []
    monkeypatch.setattr(one, "_run", lambda pictures: (seen.append(len(pictures)), run(pictures))[1])
    keep = np.random.default_rng(0).random((6, 16)) < 0.5
    first = one.of_regions(keep[[0, 1, 2, 1, 0]], labels)
    assert sum(seen) == 3 and np.array_equal(first[1], first[3])
    again = one.of_regions(keep, labels)
    assert sum(seen) == 6 and np.array_equal(again[:3], first[:3])
    one.of_regions(keep, grid(120, 5)[::-1].copy() % 16)
    assert sum(seen) == 12


def test_many_threads_get_what_one_gets(classifier: Classifier) -> None:
    context, labels = ImageContext(noise(2, 120)), grid(120)
    keep = np.random.default_rng(0).random((64, 16)) < 0.5
    alone = Evaluator(classifier, context, "blur", "float32").of_regions(keep, labels)
    shared = Evaluator(classifier, context, "blur", "float32")
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda at: shared.of_regions(keep[at % 64 :][:8], labels), range(0, 256, 8)))
    np.testing.assert_allclose(np.concatenate(parts[:8]), alone, atol=1e-5)
    assert all(np.array_equal(part, parts[at % 8]) for at, part in enumerate(parts[:8]))


def test_a_broken_checkpoints_nan_is_refused(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Evaluator(classifier, ImageContext(noise(2, 120)), "mean", "float32")
    monkeypatch.setattr(one, "_network", lambda pictures: torch.full((len(pictures), 5), float("nan")))
    with pytest.raises(InputError, match="not finite"):
        one.of_regions(np.ones((1, 16), bool), grid(120))
