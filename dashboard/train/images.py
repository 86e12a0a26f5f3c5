"""What is found at the place of the images to train on: how they fall to the sides of a split."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st

from core.data.datasets import Dataset
from core.data.known_sets import KNOWN
from core.data.split import SIDES, split_dataset
from core.errors import InputError
from core.training.recipe import Recipe
from dashboard.labelled_images import Images
from dashboard.ui.format import quoted

SIDE_TITLES = {"train": "Train", "val": "Validate", "test": "Test"}

MOST_CLASSES = 30


@dataclass(frozen=True)
class Sides:
    """How the images fall to the sides of a split; `exact` unless photographs have yet to be found."""

    data: Dataset
    exact: bool

    def count(self, side: str) -> int:
        """Images on a side."""
        return int((self.data.table["split"] == side).sum())


def sides_of(images: Images, recipe: Recipe) -> Sides:
    """Split the images as the recipe says; InputError where that is not possible.

    Photographs are found when the training prepares, so that a split by photograph is shown as if it had none.
    """
    if images.data is None:
        raise InputError(images.fault)
    if recipe.split.kind == "given" and not recipe.split.folds and not (images.data.table["split"] == "train").any():
        raise InputError(
            f"The {len(images.data.table):,} images come without a training side of their own: choose “Drawn at "
            "random” as the split, or put them into folders train, val and test."
        )
    exact = recipe.split.group_by == "none"
    plain = recipe.split if exact else recipe.split.model_copy(update={"group_by": "none"})
    return Sides(split_dataset(images.data, plain, None, 0 if plain.folds else None), exact)


def show_counts(sides: Sides) -> None:
    """Show a table of images by class and side, and what the reader of the images has to say."""
    st.html(counts_table(sides))
    for note in dict.fromkeys((*sides.data.notes, *_remarks(sides.data))):
        st.caption(quoted(note))


def _remarks(data: Dataset) -> tuple[str, ...]:
    return KNOWN[data.name].remarks if data.name in KNOWN else ()


def counts_table(sides: Sides) -> str:
    """Return HTML: a row a class, a column a side."""
    table = sides.data.table
    shown = [side for side in SIDES if sides.count(side)]
    heads = "".join(f'<th scope="col">{SIDE_TITLES[side]}</th>' for side in shown)
    sign = "" if sides.exact else "≈ "
    rows = []
    for name in sides.data.classes[:MOST_CLASSES]:
        of_class = table.loc[table["label"] == name, "split"]
        cells = "".join(f"<td>{sign}{int((of_class == side).sum()):,}</td>" for side in shown)
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    if len(sides.data.classes) > MOST_CLASSES:
        more = len(sides.data.classes) - MOST_CLASSES
        rows.append(f'<tr><th scope="row">{more} more classes</th>{"<td></td>" * len(shown)}</tr>')
    total = "".join(f"<td><strong>{sign}{sides.count(side):,}</strong></td>" for side in shown)
    return (
        f'<div class="ll-wide"><table class="ll-scores ll-counts" aria-label="Images by class and side of the split">'
        f'<thead><tr><th scope="col">{escape(sides.data.title)}</th>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}<tr><th scope="row"><strong>All</strong></th>{total}</tr></tbody></table></div>'
    )
