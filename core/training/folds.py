"""The images of a run, divided into train, validation and test, and whether the division leaks; and what the folds of a
cross-validation come to."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.datasets import Dataset
from core.data.split import SplitRecipe, split_dataset
from core.models.card import ModelCard

Tell = Callable[[str], None]

FOLDS = "folds.json"
SIDES = {"train": "training", "val": "validation", "test": "test"}


def summary(cards: list[ModelCard]) -> dict[str, Any]:
    """Scores of every fold's test images, their mean and standard deviation (n - 1)."""
    folds = [card.test.model_dump(mode="json") for card in cards if card.test is not None]
    figures: dict[str, dict[str, float]] = {}
    for name in ("accuracy", "mean_recall"):
        values = [fold[name] for fold in folds if fold[name] is not None]
        if len(values) > 1:
            figures[name] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    for label in cards[0].classes if cards else ():
        values = [fold["recall"][label] for fold in folds if label in fold["recall"]]
        if len(values) > 1:
            figures[f"recall {label}"] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    return {"figures": figures, "folds": folds, "leak": next((c.training.leak for c in cards if c.training), None)}


def summary_lines(document: dict[str, Any]) -> list[str]:
    """The summary as lines of a table."""
    lines = [f"{'fold':<22}{'accuracy':>10}{'mean recall':>13}{'images':>9}"]
    for number, fold in enumerate(document["folds"], start=1):
        recall = "-" if fold["mean_recall"] is None else f"{fold['mean_recall']:.2%}"
        lines.append(f"{number:<22}{fold['accuracy']:>10.2%}{recall:>13}{fold['images']:>9,}")
    for name, figure in document["figures"].items():
        lines.append(f"{name:<22}{figure['mean']:>10.2%} ± {figure['deviation']:.2%}")
    return lines


@dataclass(frozen=True)
class Division:
    """Divides a set's images; `groups` numbers the photograph of each, None where nobody looked for them."""

    data: Dataset
    recipe: SplitRecipe
    groups: Sequence[int] | None

    def sides(self, fold: int | None = None) -> tuple[Dataset, str | None]:
        """The divided images, and a sentence on photographs on several sides ("" for none, None: unknown)."""
        groups = self.groups if self.recipe.group_by == "photograph" else None
        divided = split_dataset(self.data, self.recipe, groups, fold)
        if self.groups is None:
            return divided, None
        return divided, leak_sentence(self.groups, list(divided.table["split"]))


def photograph_groups(data: Dataset, recipe: SplitRecipe, check: bool, cache: Path, tell: Tell) -> Sequence[int] | None:
    """The photograph of each image, where the split needs it or `check` asks for it; None otherwise."""
    if recipe.group_by == "none" and not check:
        return None
    paths = [Path(path) for path in data.table["path"]]
    if recipe.groups:
        from core.leaks.groups_file import read_groups

        return [int(number) for number in read_groups(Path(recipe.groups), paths)]
    from core.leaks.grouping import cached_groups

    tell(f"Looking for images of one photograph among {len(paths):,}.")
    return [int(number) for number in cached_groups(paths, cache, tell)]


def leak_sentence(groups: Sequence[int], splits: Sequence[str]) -> str:
    """How many photographs stand on two sides of the split or more; empty where none does."""
    sides: dict[int, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split in SIDES:
            sides.setdefault(group, set()).add(split)
    shared = {group for group, names in sides.items() if len(names) > 1}
    if not shared:
        return ""
    tests = [group for group, split in zip(groups, splits, strict=True) if split == "test"]
    known = sum("train" in sides[group] or "val" in sides[group] for group in tests)
    told = f"{len(shared):,} of {len(sides):,} photographs have copies on two sides of the split or more"
    if tests:
        told += f"; {known:,} of {len(tests):,} test images show a photograph that was trained or chosen on"
    return f"{told}."


def warning_box(leak: str) -> str:
    """A loud warning for the terminal."""
    lines = ["THE SPLIT LEAKS", leak, "Test figures will be too high. Keep photographs apart with:"]
    lines += ["--split random --group-by photograph"]
    width = max(map(len, lines))
    rule = "+" + "-" * (width + 2) + "+"
    return "\n".join([rule, *(f"| {line:<{width}} |" for line in lines), rule])
