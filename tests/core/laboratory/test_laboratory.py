"""Experiments on cells: changes stay within their part, effects are plain differences of answers, and a map of the part
that a model looks at is found to tell the truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.quality.control_maps import random_map
from core.laboratory.causes import causes_of, disjoint_parts, mean_agreement, measured_causes, rank_agreement
from core.laboratory.effects import dose_answers, dose_curves, dose_values, effects_of
from core.laboratory.interventions import (
    INTERVENTIONS,
    PLACES,
    WAYS,
    affected,
    change_within,
    estimated_parts,
    intervene,
    without_part,
)
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork
from core.preprocessing.framing import frame_image, framed_alike
from core.simulation import design_of, draw
from tests.support.toy_networks import Plain, random_network, toy

SIDE = 128


class InkInside(nn.Module):
    """Logits (d, 0, 0): how much darker the pixels of a mask are than the picture; nothing else counts much."""

    def __init__(self, mask: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mask", torch.from_numpy(mask.astype(np.float32)))

    def forward(self, inputs: Tensor) -> Tensor:
        inside = (inputs.mean(dim=1) * self.mask).sum(dim=(1, 2)) / self.mask.sum()
        return torch.stack([-inside, 0 * inside, 0 * inside], dim=1)


def looking_at(mask: np.ndarray) -> Classifier:
    """A model of whole frames that answers by the pixels of `mask` `(S, S)` alone."""
    made = toy(StagedNetwork({"see": Plain(), "answer": InkInside(mask)}, "see"), mask.shape[0])
    return dataclasses.replace(made, card=made.card.model_copy(update={"framing": "frame"}))


@pytest.mark.parametrize("name", ["no-granules", "filled-lobes", "no-nucleus", "no-red-cells", "nucleus-monocyte"])
@pytest.mark.parametrize("label", ["eosinophil", "neutrophil"])
def test_an_intervention_leaves_all_else_to_the_pixel(label: str, name: str) -> None:
    design = design_of(label)
    before, after = draw(design, 4, SIDE), draw(design.revised(**INTERVENTIONS[name].changes), 4, SIDE)
    nuclei, whole = before.nucleus | after.nucleus, before.nucleus | before.cytoplasm
    region = {"no-granules": before.granules, "no-red-cells": ~whole}.get(name, nuclei)
    shown = region if name == "no-red-cells" else affected(region, before.blur)
    found = intervene(design, before, name)
    assert (found[~shown] == before.image[~shown]).all()
    assert (found[shown] == after.image[shown]).all() and (found != before.image).any()


def test_a_backgrounds_stain_leaves_the_cell() -> None:
    design = design_of("monocyte")
    cell = draw(design, 2, SIDE)
    whole, found = cell.nucleus | cell.cytoplasm, intervene(design, cell, "background-yellow")
    assert (found[whole] == cell.image[whole]).all()
    assert found[~whole].mean(axis=0)[2] < cell.image[~whole].mean(axis=0)[2] - 20  # yellow: less blue
    with pytest.raises(InputError, match="No intervention 'none'"):
        intervene(design, cell, "none")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_a_change_by_mask_stays_in_it(place: str, way: str) -> None:
    rgb = draw(design_of("monocyte"), 6).image
    parts = estimated_parts(rgb)
    found, inside = change_within(rgb, parts, place, way), parts[place]
    assert (found[~inside] == rgb[~inside]).all() and (found[inside] != rgb[inside]).any()
    if way == "paint":
        beside = parts["cytoplasm" if place == "nucleus" else "background"]
        assert len(np.unique(found[inside], axis=0)) == 1
        assert np.abs(found[inside][0] - rgb[beside].mean(axis=0)).max() <= 0.5
    if way == "blur":
        assert found[inside].std(axis=0).max() < rgb[inside].std(axis=0).max()


def test_estimated_parts_are_about_the_drawn_ones_and_cover_the_picture_once() -> None:
    cell = draw(design_of("neutrophil"), 3)
    parts = estimated_parts(cell.image)
    assert (sum(mask.astype(int) for mask in parts.values()) == 1).all()
    both = (parts["nucleus"] & cell.nucleus).sum() / (parts["nucleus"] | cell.nucleus).sum()
    assert both > 0.7
    with pytest.raises(InputError, match="No cell is found"):
        estimated_parts(np.full((64, 64, 3), 230, dtype=np.uint8))


@pytest.mark.parametrize("framing", ["cell", "frame"])
def test_the_same_picture_is_framed_as_itself(framing: str) -> None:
    rgb = draw(design_of("basophil"), 5, 200).image
    view = frame_image(rgb, framing)
    assert (framed_alike(rgb, rgb, view) == view.rgb).all()
    shifted = np.roll(rgb, 30, axis=0)
    assert framed_alike(shifted, rgb, view).shape == view.rgb.shape


def test_effects_are_differences_of_plain_answers() -> None:
    model = toy(random_network(), 48)
    design, cell = design_of("eosinophil"), draw(design_of("eosinophil"), 1, SIDE)
    changed = {name: intervene(design, cell, name) for name in ("no-granules", "nucleus-lymphocyte")}
    view = frame_image(cell.image, "cell")
    x, y, side, _ = view.box
    assert x >= 0 and y >= 0 and x + side <= SIDE and y + side <= SIDE  # no reflection: a plain cut is the oracle
    for effect in effects_of(model, cell.image, changed):
        cuts = [picture[y : y + side, x : x + side] for picture in (cell.image, changed[effect.change])]
        before, after = (answer.probabilities for answer in model.predict(cuts))
        assert np.allclose(effect.difference, after - before, atol=1e-6)
        assert effect.turned == (before.argmax() != after.argmax())


def test_a_dose_is_the_answer_to_each_drawing_and_its_band_that_of_the_others() -> None:
    model, design = looking_at(np.ones((SIDE, SIDE), dtype=bool)), design_of("neutrophil")
    noise = toy(random_network(), 48)
    values = dose_values("granules", 3)
    assert values == (0.0, 1.0, 2.0)
    answers = [dose_answers([model, noise], design, "granules", seed, values, SIDE) for seed in (1, 2, 3, 4)]
    framed = frame_image(draw(design, 1, SIDE).image, "frame").rgb
    assert np.allclose(answers[0][model.name][1], model.predict([framed])[0].probabilities, atol=1e-6)
    curve = dose_curves([model, noise], values, answers)[1]
    at = np.stack([answer[noise.name][:, 0] for answer in answers[1:]])
    middle, low, high = curve.band("a")
    assert np.allclose(middle, np.median(at, axis=0)) and (low <= middle).all() and (middle <= high).all()
    assert np.allclose(curve.own, answers[0][noise.name])
    with pytest.raises(InputError, match="No factor 'label'"):
        dose_values("label")


@pytest.mark.parametrize("label", CLASSES)
def test_parts_do_not_overlap_and_cover_the_frame(label: str) -> None:
    parts = disjoint_parts(draw(design_of(label), 3, SIDE))
    assert (sum(mask.astype(int) for mask in parts.values()) == 1).all()


def test_a_model_that_looks_at_one_part_has_that_parts_effect_and_a_map_of_it_is_right() -> None:
    design = design_of("neutrophil")
    right, wrong = [], []
    for seed in range(6):
        cell = draw(design, seed, SIDE)
        parts = disjoint_parts(cell)
        seen = parts["nucleus"]
        model = looking_at(seen)

        def maps_of(context: ImageContext, name: str, seen: np.ndarray = seen) -> Mapping[str, np.ndarray]:
            return {"sees": seen.astype(np.float32), "blind": (~seen).astype(np.float32)}

        found = measured_causes(model, design, seed, maps_of, SIDE)
        assert found.label == "a" and set(found.parts) >= {"nucleus", "cytoplasm", "surroundings"}
        effects = dict(zip(found.parts, found.effects, strict=True))
        direct = model.predict([cell.image, without_part(design, cell, "nucleus")])
        assert effects["nucleus"] == pytest.approx(direct[0].probabilities[0] - direct[1].probabilities[0], abs=1e-5)
        assert max(effects, key=lambda name: effects[name]) == "nucleus"
        shares = dict(zip(found.parts, found.shares["sees"] or (), strict=True))
        assert shares["nucleus"] == pytest.approx(1) and effects["nucleus"] > 5 * abs(effects["granules"])
        right.append(rank_agreement([effects[name] > 0.02 for name in found.parts], tuple(shares.values())))
        wrong.append(found.agreement("blind"))
    assert right == [pytest.approx(1)] * 6
    assert max(value for value in wrong if value is not None) < 0.5


def test_shares_drawn_at_random_agree_by_chance_alone() -> None:
    rng = np.random.default_rng(3)
    found = [rank_agreement(rng.random(4), rng.random(4)) for _ in range(2000)]
    mean = mean_agreement(found)
    assert mean.value is not None and mean.low is not None and mean.high is not None
    error = 1 / np.sqrt(3) / np.sqrt(2000)  # the variance of Spearman's correlation of n ranks is 1 / (n - 1)
    assert abs(mean.value) < 4 * error and mean.cells == 2000
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_rank_agreement_is_scipys_and_none_without_ranks() -> None:
    one, other = [0.3, 0.1, 0.1, -0.2], [0.5, 0.2, 0.1, 0.2]
    assert rank_agreement(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None


def test_the_interval_of_a_mean_is_about_the_normal_one() -> None:
    values = list(np.random.default_rng(0).normal(0.3, 0.2, 100))
    mean = mean_agreement([*values, None])
    reach = 1.96 * np.std(values, ddof=1) / 10
    assert mean.value == pytest.approx(np.mean(values)) and mean.left_out == 1
    assert mean.low == pytest.approx(np.mean(values) - reach, abs=0.01)
    assert mean_agreement([]).value is None and mean_agreement([0.5]).low is None


def test_causes_are_the_same_again_and_have_the_controls() -> None:
    model, design = toy(random_network(seed=2), 64), design_of("basophil")
    first, second = (causes_of(model, design, 3, ["gradcam"], size=SIDE) for _ in range(2))
    assert first == second
    assert set(first.shares) == {"gradcam", "random", "edges", "centre"}
    noise = random_map(64, 3)
    total = sum(first.shares["random"] or ())
    assert noise.min() >= 0 and total <= 1 + 1e-6 and sum(first.areas) <= 1 + 1e-6
