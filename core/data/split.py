"""Which images train, validate and test: the set's own split, a random one, or one fold of several. Images, or whole
groups of them, are dealt so that each class keeps its share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from core.data.datasets import Dataset
from core.errors import InputError
from core.settings import Settings

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ROUNDS = 20  # of improvement by moving single groups
SIDES = ("train", "val", "test")


def assign_images(labels: Integers, shares: Sequence[float], random: Generator) -> Integers:
    """Side of each image: of every class, the whole number below `shares[s]` times its count goes to side s + 1.

    At least one image where a class has three or more and the share is above 0; the rest stays on side 0. Islam et al.
    2024's 8,714 / 1,865 / 1,865 of 12,444 are these counts for shares of 0.15.
    """
    sides = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        start = 0
        for side, share in enumerate(shares, start=1):
            count = math.floor(share * len(rows) + 1e-9)
            if share > 0 and len(rows) >= 3:
                count = max(1, count)
            sides[rows[start : start + count]] = side
            start += count
    return sides


def fold_images(labels: Integers, folds: int, random: Generator) -> Integers:
    """Fold of each image: the counts of each class differ by at most one between folds, and so do the folds' sizes."""
    order = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    dealt = np.empty(len(labels), dtype=np.int64)
    dealt[order] = np.arange(len(labels)) % folds
    return random.permutation(folds)[dealt]


def fold_groups(labels: Integers, groups: Integers, folds: int, random: Generator) -> Integers:
    """Fold of each image, all images of one group in one fold."""
    return assign_groups(labels, groups, [1 / folds] * folds, random)


def assign_groups(labels: Integers, groups: Integers, shares: Sequence[float], random: Generator) -> Integers:
    """Side of each image, all images of one group on one side, each class near `shares` of its count.

    `groups` are numbers from 0 without gaps. The measure of fit is chi-squared of the counts by side and class
    against the wanted ones: groups are placed from the largest to the smallest (equals in random order) where they
    lower it most, then single groups are moved as long as that lowers it.
    """
    counts = _table(labels, groups)  # (G, C)
    wanted = np.outer(shares, counts.sum(axis=0))  # (S, C)
    open_sides = np.flatnonzero(np.asarray(shares) > 0)
    weights = 1 / np.where(wanted > 0, wanted, 1) / np.maximum(counts.sum(axis=0), 1)
    shuffled = random.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    sides = np.full(len(counts), -1, dtype=np.int64)
    filled = np.zeros_like(wanted)
    for group in order:
        _place(group, counts[group], sides, filled, wanted, weights, open_sides)
    for _ in range(ROUNDS):
        before = sides.copy()
        for group in order:
            filled[sides[group]] -= counts[group]
            _place(group, counts[group], sides, filled, wanted, weights, open_sides)
        if (before == sides).all():
            break
    return sides[groups]


def _place(
    group: int,
    count: Floats,
    sides: Integers,
    filled: Floats,
    wanted: Floats,
    weights: Floats,
    open_sides: Integers,
) -> None:
    """Put a group where it lowers the measure most; it stays where it was unless another side is truly better."""
    change = (count * (count - 2 * (wanted - filled)) * weights).sum(axis=1)[open_sides]  # (S,)
    best = open_sides[int(change.argmin())]
    held = np.flatnonzero(open_sides == sides[group])
    if held.size and change[held[0]] <= change.min() + 1e-12:
        best = sides[group]
    sides[group] = best
    filled[best] += count


def _table(labels: Integers, groups: Integers) -> Floats:
    """Images of each class in each group: `(G, C) float64`."""
    classes, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((int(groups.max()) + 1, len(classes)))
    np.add.at(table, (groups, columns), 1)
    return table


class SplitRecipe(Settings):
    """The recipe's [split] table: how the images are divided into train, validation and test."""

    model_config = ConfigDict(strict=False)

    kind: Literal["given", "random"] = Field(
        default="given", title="Split", description="the set's own split, or one drawn by us"
    )
    validation: float = Field(
        default=0.2, ge=0, le=0.9, title="Validation", description="share that validates, of each class"
    )
    test: float = Field(
        default=0.1, ge=0, le=0.9, title="Test", description="share that tests, of each class (random split)"
    )
    group_by: Literal["none", "photograph"] = Field(
        default="none", description="photograph: images of one photograph never stand on two sides"
    )
    stratify: bool = Field(default=True, description="keep each class's share on every side")
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    folds: int = Field(default=0, ge=0, le=100, description="k-fold cross-validation; 0: none")
    groups: str = Field(
        default="", max_length=4096, description="groups.csv of `leaks --out`; empty: found when needed"
    )

    @model_validator(mode="after")
    def _possible(self) -> SplitRecipe:
        if self.validation + self.test > 0.95:
            raise ValueError("validation and test together leave less than a twentieth to train on")
        if self.folds in (1, 2):
            raise ValueError("folds must be 0 or at least 3: one tests, one validates, the others train")
        return self


def split_dataset(data: Dataset, recipe: SplitRecipe, groups: Sequence[int] | None, fold: int | None = None) -> Dataset:
    """The same images with column `split` filled with train, val and test as `recipe` says.

    `groups` numbers the photograph of each row; needed where the recipe groups by photograph. With folds, fold `fold`
    (from 0) tests and the next one validates; all images take part, whatever their own split. A given split keeps its
    sides, and where it has no validation images, `recipe.validation` of its training images become them. A random
    split gives of each class the whole number below share times count to validation and test (one at least of three
    images or more) and the rest to training. Depends on the rows' order and the recipe's seed alone. InputError where
    a side would be empty.
    """
    numbers = _group_numbers(data, recipe, groups)
    labels = np.array([data.classes.index(label) for label in data.table["label"]], dtype=np.int64)
    if not recipe.stratify:
        labels = np.zeros_like(labels)
    if recipe.folds:
        sides = _of_fold(labels, numbers, recipe, fold)
    elif fold is not None:
        raise InputError("A fold was asked for, but the recipe has none: set split.folds.")
    elif recipe.kind == "random":
        sides = _drawn(labels, numbers, (recipe.validation, recipe.test), recipe.seed)
    else:
        return _given(data, labels, numbers, recipe)
    return _checked(data, [SIDES[side] for side in sides], _needed(recipe))


def _group_numbers(data: Dataset, recipe: SplitRecipe, groups: Sequence[int] | None) -> Integers | None:
    if recipe.group_by == "none":
        return None
    if groups is None:
        raise InputError("A split by photograph needs to know the photographs: none were given (split.group_by).")
    if len(groups) != len(data.table):
        raise InputError(f"{len(groups):,} group numbers were given for {len(data.table):,} images.")
    return np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)[1].astype(np.int64)


def _drawn(labels: Integers, groups: Integers | None, shares: tuple[float, float], seed: int) -> Integers:
    """Side of each image, as index of SIDES."""
    random = np.random.default_rng(seed)
    if groups is None:
        return assign_images(labels, shares, random)
    return assign_groups(labels, groups, (1 - sum(shares), *shares), random)


def _of_fold(labels: Integers, groups: Integers | None, recipe: SplitRecipe, fold: int | None) -> Integers:
    if fold is None or not 0 <= fold < recipe.folds:
        raise InputError(f"There is no fold {fold}: the recipe has folds 0 to {recipe.folds - 1}.")
    random = np.random.default_rng(recipe.seed)
    folds = (
        fold_images(labels, recipe.folds, random)
        if groups is None
        else fold_groups(labels, groups, recipe.folds, random)
    )
    sides = np.zeros(len(labels), dtype=np.int64)
    sides[folds == (fold + 1) % recipe.folds] = 1
    sides[folds == fold] = 2
    return sides


def _given(data: Dataset, labels: Integers, groups: Integers | None, recipe: SplitRecipe) -> Dataset:
    """The set's own split, with validation images carved out of training where it has none."""
    split = data.table["split"].to_numpy(dtype=object).copy()
    training = np.flatnonzero(split == "train")
    if not len(training):
        raise InputError(
            f"{data.title} comes without a training split. Let one be drawn with --split random (split.kind = "
            '"random" in a recipe), or divide it yourself: folders or a column `split` with train, val and test.'
        )
    if (split == "val").any():
        return data
    if recipe.validation == 0:
        raise InputError(f"{data.title} has no validation split: set split.validation above 0.")
    own = None if groups is None else np.unique(groups[training], return_inverse=True)[1].astype(np.int64)
    carved = training[_drawn(labels[training], own, (recipe.validation, 0.0), recipe.seed) == 1]
    split[carved] = "val"
    note = f"{len(carved):,} of {len(training):,} training images validate, for the set has none for that."
    return _checked(replace(data, notes=(*data.notes, note)), list(split), ("train", "val"))


def _needed(recipe: SplitRecipe) -> tuple[str, ...]:
    shares = {"train": 1.0, "val": recipe.validation, "test": recipe.test}
    return SIDES if recipe.folds else tuple(side for side, share in shares.items() if share > 0)


def _checked(data: Dataset, split: list[str], needed: tuple[str, ...]) -> Dataset:
    """The set under its new split; InputError for an empty side, a note for a class that a side lacks."""
    table = data.table.assign(split=split)
    counts = table.groupby(["split", "label"]).size()
    notes = []
    for side in needed:
        if side not in counts.index.get_level_values(0):
            raise InputError(
                f"{data.title}: no images are left for {side}. Give it a larger share, use fewer folds, or more "
                "photographs: all copies of one stand on one side."
            )
        lacking = [name for name in data.classes if (side, name) not in counts.index]
        if lacking:
            notes.append(f"Split {side} has no {', '.join(lacking)}: too few images or photographs of it.")
    return replace(data, table=table, notes=(*data.notes, *notes))
