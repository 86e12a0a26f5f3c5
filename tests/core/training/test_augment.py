"""Random changes of training images: repeatable, bounded, and none where all is off."""

from __future__ import annotations

import torch

from core.data.framed_images import UNKNOWN, FramedImages
from core.training.augment import Draws, augment, seeded
from core.training.batches import TrainBatches, ValidationBatches
from core.training.recipe import AugmentRecipe, Recipe

NONE = AugmentRecipe(
    rotate=False, zoom=1.0, shift=0, stain=0, strength=0, hue=0, saturation=0, grey=0, blur=0, noise=0, mask=0
)


def pictures(count: int = 6, side: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=random) * 0.8 + 0.1
    images = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic").clamp(0.02, 0.98)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    centre = (side - 1) / 2
    reach = ((rows - centre) ** 2 + (columns - centre) ** 2).sqrt() / side
    return images, reach.expand(count, 1, side, side).clamp_min(0)


def draws(seed: int, count: int) -> Draws:
    return Draws(seeded(seed), count)


def test_with_everything_off_only_flips_and_a_slight_stretch_are_left() -> None:
    images, reach = pictures()
    out = augment(images, reach, 48, NONE, draws(1, len(images)))
    flipped = images.flip(3)
    nearest = torch.minimum((out - images).abs().mean((1, 2, 3)), (out - flipped).abs().mean((1, 2, 3)))
    assert nearest.max() < 0.05
    assert out.shape == images.shape


def test_the_same_seed_gives_the_same_views_and_another_seed_others() -> None:
    images, reach = pictures()
    recipe = AugmentRecipe(hue=0.2, saturation=0.3)
    one, same, other = (augment(images, reach, 32, recipe, draws(n, len(images))) for n in (1, 1, 2))
    assert torch.equal(one, same) and not torch.allclose(one, other)
    assert one.min() >= 0 and one.max() <= 1 and one.shape == (6, 3, 32, 32)


def test_masking_blackens_what_lies_outside_and_zooms_to_the_cell() -> None:
    images, reach = pictures(40)
    out = augment(images, reach, 48, NONE.model_copy(update={"mask": 1.0}), draws(3, len(images)))
    black = (out.amax(dim=1) < 0.01).float().mean((1, 2))
    assert (black > 0.05).float().mean() > 0.5  # a disc in its box leaves its corners, 21 %
    assert black.median() < 0.3  # and the rest of the frame is not shown
    assert (out[:, :, 24, 24].amax(dim=1) > 0.02).all()


def test_unknown_reach_is_never_masked() -> None:
    images, reach = pictures()
    out = augment(images, -torch.ones_like(reach), 48, NONE.model_copy(update={"mask": 1.0}), draws(3, len(images)))
    assert (out.amax(dim=1) > 0.01).all()


def test_hue_turns_keep_grey_grey_and_the_mean() -> None:
    images, reach = pictures()
    grey = images.mean(1, keepdim=True).expand_as(images).contiguous()
    recipe = NONE.model_copy(update={"hue": 0.5, "saturation": 0.5})
    out = augment(grey, reach, 48, recipe, draws(5, len(images)))
    assert (out.amax(1) - out.amin(1)).max() < 1e-4
    coloured = augment(images * 0.2 + 0.4, reach, 48, recipe, draws(5, len(images)))
    plain = augment(images * 0.2 + 0.4, reach, 48, NONE, draws(5, len(images)))
    assert (coloured - plain).abs().max() > 0.02


def drawn_cells(count: int, side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Background 0.9, a disc of cytoplasm 0.6 and in it a nucleus 0.2, with each pixel's distance from the nucleus."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    centre = (side - 1) / 2
    radius = ((rows - centre) ** 2 + (columns - centre) ** 2).sqrt() / side
    picture = torch.where(radius < 0.35, 0.6, 0.9).where(radius > 0.18, torch.tensor(0.2))
    return picture.expand(count, 3, side, side).clone(), (radius - 0.18).clamp_min(0).expand(count, 1, side, side)


def cytoplasm(views: torch.Tensor) -> torch.Tensor:
    """The tone of each channel beside the nucleus `(N, 3)`: 0.25 of the side to the left of the centre."""
    return views[:, :, 32, 16]


def test_curves_bend_what_lies_between_background_and_nucleus_by_a_power() -> None:
    images, reach = drawn_cells(300)
    out = augment(images, reach, 64, NONE.model_copy(update={"curve": 0.4}), draws(1, len(images)))
    assert (out[:, :, :6, :6] - 0.9).abs().max() < 1e-4 and (out[:, :, 32, 32] - 0.2).abs().max() < 0.02
    depth = (0.9 - cytoplasm(out)) / (0.9 - 0.2)
    logs = torch.log(torch.log(depth) / torch.log(torch.tensor(0.3 / 0.7)))  # log of the power
    assert abs(logs.mean()) < 0.06 and 0.34 < logs.std() < 0.46
    between = torch.corrcoef(logs.T)[0, 1]  # half of the variance is shared by the channels
    assert 0.35 < between < 0.65


def test_tints_add_density_to_the_cell_and_leave_its_surroundings() -> None:
    images, reach = drawn_cells(300)
    out = augment(images, reach, 64, NONE.model_copy(update={"tint": 0.3}), draws(1, len(images)))
    assert (out[:, :, :6, :6] - 0.9).abs().max() < 1e-5
    added = -torch.log(cytoplasm(out) / 0.6)
    assert added.min() > -1e-4 and abs(added.mean() - 0.3 * (2 / torch.pi) ** 0.5) < 0.03
    assert abs(torch.corrcoef(added.T)[0, 1]) < 0.2
    unknown = augment(images, -torch.ones_like(reach), 64, NONE.model_copy(update={"tint": 0.3}), draws(1, len(images)))
    assert (cytoplasm(unknown) - 0.6).abs().max() < 1e-4


def pack(count: int = 30, side: int = 40) -> FramedImages:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, side, side), generator=random).to(torch.uint8)
    labels = torch.tensor([0] * (count - 5) + [1] * 5)
    return FramedImages(images, torch.full((count, 1, side, side), UNKNOWN, dtype=torch.uint8), labels, "test")


def recipe_of(**fields: object) -> Recipe:
    stages = [{"size": 32, "epochs": 2, "learning_rate": 0.1, "batch_size": 10}]
    return Recipe.model_validate({"name": "a", "architecture": "b", "stages": stages} | fields)


def test_without_balance_every_image_comes_once_an_epoch() -> None:
    batches = TrainBatches(pack(), recipe_of(balance=0), 0, 2)
    assert sorted(batches.order.tolist()) == list(range(30))
    assert [tuple(views.shape) for views, _, _ in batches] == [(10, 3, 32, 32)] * 3


def test_full_balance_draws_classes_equally_often() -> None:
    stages = [{"size": 32, "epochs": 1, "learning_rate": 0.1, "samples": 4000}]
    batches = TrainBatches(pack(), recipe_of(balance=1, stages=stages), 0, 2)
    rare = (pack().labels[batches.order] == 1).float().mean()
    assert 0.46 < rare < 0.54


def test_epochs_differ_and_are_repeatable() -> None:
    one, same, later = (TrainBatches(pack(), recipe_of(), epoch, 2) for epoch in (0, 0, 1))
    for (views, targets, _), (again, also, _) in zip(one, same, strict=True):
        assert torch.equal(views, again) and torch.equal(targets, also)
    assert not torch.equal(one.order, later.order)


def test_validation_shows_every_image_once() -> None:
    batches = list(ValidationBatches(pack(), 32, batch_size=8))
    assert sum(len(labels) for _, labels, _ in batches) == 30 and len(batches) == 4


def test_shrinking_a_pack_averages_and_never_enlarges() -> None:
    full = pack()
    small = full.at(20)
    assert small.images.shape == (30, 3, 20, 20) and small.reach.shape == (30, 1, 20, 20)
    means = full.images.float().view(30, 3, 20, 2, 20, 2).mean((3, 5))
    assert (small.images.float() - means).abs().max() <= 0.5
    assert full.at(40) is full and full.at(99) is full
