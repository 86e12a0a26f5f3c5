"""Splits: shares of each class, groups kept together, folds that test every image once."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.model_selection import StratifiedGroupKFold

from core.data.datasets import Dataset
from core.data.split import SplitRecipe, split_dataset
from core.errors import InputError

NAMES = ("a", "b", "c", "d")


def made(labels: NDArray[np.int64], split: str = "all") -> Dataset:
    table = pd.DataFrame({"path": [f"/{n}.png" for n in range(len(labels))], "label": [NAMES[n] for n in labels]})
    return Dataset("toy", "toy", table.assign(split=split, box=""), NAMES)


def drawn(seed: int, count: int = 700) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and photographs: of 1 to 40 copies, one class each, numbered at random."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 40, count)
    classes = random.choice(4, count, p=(0.5, 0.3, 0.15, 0.05))
    groups = np.repeat(random.permutation(count) * 7, sizes)
    return np.repeat(classes, sizes)[:3000], groups[:3000]


def sides(data: Dataset) -> NDArray[np.object_]:
    return data.table["split"].to_numpy(dtype=object)


def test_the_split_sizes_of_islam() -> None:
    labels = np.repeat([0, 1, 2, 3], [3120, 3103, 3098, 3123])
    split = sides(split_dataset(made(labels), SplitRecipe(kind="random", validation=0.15, test=0.15), None))
    assert Counter(split) == {"train": 8714, "val": 1865, "test": 1865}


@pytest.mark.parametrize("seed", range(5))
def test_random_shares_of_each_class(seed: int) -> None:
    labels, _ = drawn(seed)
    recipe = SplitRecipe(kind="random", validation=0.2, test=0.1, seed=seed)
    split = sides(split_dataset(made(labels), recipe, None))
    for label in range(4):
        count = int((labels == label).sum())
        mine = Counter(split[labels == label])
        assert mine["val"] == max(1, math.floor(count * 0.2)) and mine["test"] == max(1, math.floor(count * 0.1))
        assert mine.total() == count
    again = sides(split_dataset(made(labels), recipe, None))
    other = sides(split_dataset(made(labels), recipe.model_copy(update={"seed": seed + 1}), None))
    assert (split == again).all() and (split != other).any()


def test_small_classes_stand_on_every_side_as_far_as_they_reach() -> None:
    labels = np.repeat([0, 1, 2, 3], [100, 3, 2, 1])
    data = split_dataset(made(labels), SplitRecipe(kind="random", validation=0.1, test=0.1), None)
    split = sides(data)
    assert sorted(split[labels == 1]) == ["test", "train", "val"] and set(split[labels == 2]) == {"train"}
    assert any("Split val has no c, d" in note for note in data.notes)


def test_without_stratification_the_whole_has_the_shares() -> None:
    labels, _ = drawn(0)
    recipe = SplitRecipe(kind="random", validation=0.25, test=0.125, stratify=False)
    assert Counter(sides(split_dataset(made(labels), recipe, None))) == {"train": 1875, "val": 750, "test": 375}


@pytest.mark.parametrize("seed", range(6))
def test_no_photograph_stands_on_two_sides(seed: int) -> None:
    labels, groups = drawn(seed)
    recipe = SplitRecipe(kind="random", validation=0.2, test=0.1, group_by="photograph", seed=seed)
    split = sides(split_dataset(made(labels), recipe, list(groups)))
    for group in np.unique(groups):
        assert len(set(split[groups == group])) == 1
    for side, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
        for label in range(4):
            mine = labels == label
            largest = max(np.bincount(np.unique(groups[mine], return_inverse=True)[1]))
            assert abs((split[mine] == side).sum() - share * mine.sum()) <= max(largest, 0.03 * mine.sum())
    assert (split == sides(split_dataset(made(labels), recipe, list(groups)))).all()


def test_photographs_of_several_classes_stay_whole() -> None:
    random = np.random.default_rng(3)
    labels, groups = random.integers(0, 4, 900), random.integers(0, 60, 900)
    recipe = SplitRecipe(kind="random", validation=0.2, test=0.2, group_by="photograph")
    split = sides(split_dataset(made(labels), recipe, list(groups)))
    assert all(len(set(split[groups == group])) == 1 for group in range(60))
    assert abs((split == "val").mean() - 0.2) < 0.03 and abs((split == "test").mean() - 0.2) < 0.03


def deviation(labels: NDArray[np.int64], folds: NDArray[np.int64], k: int) -> float:
    """Largest distance of a fold's share of a class from 1/k."""
    return max(abs((folds[labels == label] == f).mean() - 1 / k) for label in range(4) for f in range(k))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [3, 5])
def test_grouped_folds_are_as_even_as_those_of_scikit_learn(seed: int, k: int) -> None:
    labels, groups = drawn(seed)
    recipe = SplitRecipe(folds=k, group_by="photograph", seed=seed)
    folds = np.full(len(labels), -1)
    for fold in range(k):
        split = sides(split_dataset(made(labels), recipe, list(groups), fold))
        assert (folds[split == "test"] == -1).all()
        folds[split == "test"] = fold
        photographs = {side: set(groups[split == side]) for side in ("train", "val", "test")}
        assert not photographs["train"] & photographs["val"] and not photographs["train"] & photographs["test"]
        assert not photographs["val"] & photographs["test"]
    assert (folds >= 0).all()
    theirs = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    for fold, (_, test) in enumerate(splitter.split(labels, labels, groups)):
        theirs[test] = fold
    assert deviation(labels, folds, k) <= deviation(labels, theirs, k) + 0.01


@pytest.mark.parametrize("k", [3, 4, 10])
def test_folds_without_groups_differ_by_one_image_at_most(k: int) -> None:
    labels, _ = drawn(1)
    tests, validations = np.zeros(len(labels), dtype=int), np.zeros(len(labels), dtype=int)
    counts = []
    for fold in range(k):
        split = sides(split_dataset(made(labels), SplitRecipe(folds=k), None, fold))
        tests += split == "test"
        validations += split == "val"
        counts.append([(split[labels == label] == "test").sum() for label in range(4)])
    assert (tests == 1).all() and (validations == 1).all()
    assert (np.ptp(counts, axis=0) <= 1).all() and np.ptp(np.sum(counts, axis=1)) <= 1


def test_validation_is_the_next_fold() -> None:
    labels, groups = drawn(2)
    recipe = SplitRecipe(folds=4, group_by="photograph")
    parts = [sides(split_dataset(made(labels), recipe, list(groups), fold)) for fold in range(4)]
    for fold in range(4):
        assert ((parts[fold] == "val") == (parts[(fold + 1) % 4] == "test")).all()


def test_a_given_split_is_kept() -> None:
    data = made(np.arange(12) % 4)
    data.table["split"] = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    assert split_dataset(data, SplitRecipe(), None) is data


@pytest.mark.parametrize("grouped", [False, True])
def test_validation_is_carved_out_of_training(grouped: bool) -> None:
    labels, groups = drawn(4)
    data = made(labels, "train")
    data.table.loc[data.table.index[-500:], "split"] = "test"
    recipe = SplitRecipe(validation=0.2, group_by="photograph" if grouped else "none")
    result = split_dataset(data, recipe, list(groups) if grouped else None)
    split = sides(result)
    assert (split[-500:] == "test").all() and (data.table["split"] != "val").all()
    assert abs((split[:-500] == "val").mean() - 0.2) < 0.01 and any("2,500 training images" in n for n in result.notes)
    if grouped:
        assert not set(groups[split == "val"]) & set(groups[split == "train"])


@pytest.mark.parametrize(
    ("recipe", "groups", "fold", "message"),
    [
        (SplitRecipe(), None, None, "comes without a training split. Let one be drawn with --split random"),
        (SplitRecipe(kind="random"), None, 0, "set split.folds"),
        (SplitRecipe(folds=3), None, 3, "no fold 3: the recipe has folds 0 to 2"),
        (SplitRecipe(folds=3), None, None, "no fold None"),
        (SplitRecipe(kind="random", group_by="photograph"), None, None, "needs to know the photographs"),
        (SplitRecipe(kind="random", group_by="photograph"), [1], None, "1 group numbers were given for 40"),
        (SplitRecipe(kind="random", group_by="photograph"), [7] * 40, None, "no images are left for val"),
    ],
)
def test_impossible_splits_are_explained(
    recipe: SplitRecipe, groups: list[int] | None, fold: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        split_dataset(made(np.arange(40) % 4), recipe, groups, fold)


@pytest.mark.parametrize(
    "keys",
    [{"folds": 2}, {"validation": 0.6, "test": 0.4}, {"kind": "own"}, {"tset": 0.1}, {"validation": float("nan")}],
)
def test_impossible_recipes_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SplitRecipe.model_validate(keys)
