"""Batches shared by several processes, mixed, or left as they are."""

from __future__ import annotations

import pytest
import torch

from core.data.framed_images import FramedImages
from core.errors import InputError
from core.models.classifier import standardise
from core.training.augment import seeded
from core.training.batches import (
    Mixing,
    ProcessRank,
    TrainBatches,
    ValidationBatches,
    draw_mixing,
    draw_weights,
    mixed,
)
from core.training.recipe import Recipe

CPU = torch.device("cpu")


def pack(count: int = 23, side: int = 40) -> FramedImages:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, side, side), generator=random).to(torch.uint8)
    reach = torch.randint(0, 255, (count, 1, side, side), generator=random).to(torch.uint8)
    return FramedImages(images, reach, torch.arange(count) % 3, "test")


def recipe_of(batch_size: int = 7, **fields: object) -> Recipe:
    stages = [{"size": 32, "epochs": 2, "learning_rate": 0.1, "batch_size": batch_size}]
    return Recipe.model_validate({"name": "a", "architecture": "b", "stages": stages, "balance": 0} | fields)


@pytest.mark.parametrize("fields", [{}, {"mixup": 0.4, "cutmix": 1.0}], ids=["plain", "mixed"])
def test_processes_together_see_what_one_alone_sees(fields: dict[str, object]) -> None:
    alone = list(TrainBatches(pack(), recipe_of(**fields), 1, 3))
    shared = [list(TrainBatches(pack(), recipe_of(**fields), 1, 3, ProcessRank(CPU, rank, 3))) for rank in range(3)]
    assert len(alone) == 3 and {len(part[0]) for parts in shared for part in parts} == {2, 3}
    for step, (views, targets, whole) in enumerate(alone):
        assert whole == len(views) == 7
        assert torch.equal(views, torch.cat([parts[step][0] for parts in shared]))
        assert torch.equal(targets, torch.cat([parts[step][1] for parts in shared]))


def test_validation_counts_each_image_once_over_all_processes() -> None:
    alone = torch.cat([views for views, _, _ in ValidationBatches(pack(), 32, 11)])
    parts = [list(ValidationBatches(pack(), 32, 11, ProcessRank(CPU, rank, 2))) for rank in range(2)]
    assert len(parts[0]) == len(parts[1]) == 3 and len(parts[1][-1][1]) == 0  # one image is left for two processes
    together = torch.cat([views for pair in zip(*parts, strict=True) for views, _, _ in pair])
    assert torch.equal(alone, together)


def test_without_augmentation_images_stay_as_they_are() -> None:
    full = pack(side=32)
    batches = TrainBatches(full, recipe_of(augment={"on": False}), 0, 3)
    for step, (views, targets, _) in enumerate(batches):
        chosen = batches.order[step * 7 : step * 7 + 7]
        assert torch.equal(views, standardise(full.images[chosen].float() / 255))
        assert torch.equal(targets.argmax(1), full.labels[chosen])


def test_more_processes_than_images_are_refused() -> None:
    with pytest.raises(InputError, match="fewer devices"):
        TrainBatches(pack(), recipe_of(batch_size=2), 0, 3, ProcessRank(CPU, 0, 3))


def test_mixup_is_the_weighted_mean_of_pairs() -> None:
    views, targets = torch.rand(4, 3, 8, 8), torch.eye(4)
    out, shares = mixed(views, views.flip(0), targets, targets.flip(0), Mixing(torch.arange(4).flip(0), 0.7))
    torch.testing.assert_close(out, 0.7 * views + 0.3 * views.flip(0))
    torch.testing.assert_close(shares, 0.7 * targets + 0.3 * targets.flip(0))


def test_cutmix_counts_the_pixels_that_come_from_the_other_image() -> None:
    views, others, targets = torch.zeros(2, 3, 10, 10), torch.ones(2, 3, 10, 10), torch.eye(2)
    mixing = Mixing(torch.tensor([1, 0]), 0.5, (0.2, 0.7, 0.0, 0.4))
    out, shares = mixed(views, others, targets, targets.flip(0), mixing)
    assert out.mean() == pytest.approx(5 * 4 / 100)
    assert shares[0].tolist() == pytest.approx([0.8, 0.2]) and views.sum() == 0


def test_the_share_of_mixup_is_beta_distributed() -> None:
    draws = [draw_mixing(recipe_of(mixup=0.4), 8, seeded(1, number)) for number in range(2000)]
    shares = torch.tensor([mixing.share for mixing in draws if mixing is not None])
    assert len(shares) == 2000 and shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.08)  # of Beta(a, a)


def test_with_both_kinds_each_comes_and_boxes_have_the_right_area() -> None:
    draws = [draw_mixing(recipe_of(mixup=0.4, cutmix=1.0), 8, seeded(2, number)) for number in range(400)]
    boxes = [mixing.box for mixing in draws if mixing is not None and mixing.box is not None]
    assert 120 < len(boxes) < 280
    assert all(0 <= top <= bottom <= 1 and 0 <= left <= right <= 1 for top, bottom, left, right in boxes)
    assert draw_mixing(recipe_of(), 8, seeded(3)) is None


@pytest.mark.parametrize(("draw", "power"), [("size", 1.0), ("root", 0.5), ("equal", 0.0)])
def test_a_laboratory_is_drawn_by_its_size_its_root_or_as_often_as_every_other(draw: str, power: float) -> None:
    source = torch.tensor([0] * 90 + [1] * 10)
    weights = draw_weights(torch.arange(100) % 2, source, 0.0, draw)
    share = float(weights[source == 1].sum() / weights.sum())
    assert share == pytest.approx(10**power / (90**power + 10**power))


def test_classes_are_balanced_within_each_laboratory() -> None:
    source = torch.tensor([0] * 100 + [1] * 50)
    labels = torch.tensor([0] * 80 + [1] * 20 + [0] * 5 + [1] * 45)
    weights = draw_weights(labels, source, 1.0, "root")
    for one, size in ((0, 100), (1, 50)):
        sums = [float(weights[(source == one) & (labels == label)].sum()) for label in (0, 1)]
        assert sums == pytest.approx([size**0.5 / 2] * 2)


def test_validation_weighs_each_laboratory_alike() -> None:
    both = pack(20) + pack(5)
    assert both.source.tolist() == [0] * 20 + [1] * 5
    shares = torch.cat([part for _, _, part in ValidationBatches(both, 32, 7)])
    assert float(shares[:20].sum()) == pytest.approx(12.5) and float(shares[20:].sum()) == pytest.approx(12.5)
    assert torch.cat([part for _, _, part in ValidationBatches(pack(9), 32, 7)]).tolist() == [1.0] * 9
