"""Where two models differ on the same test images: the difference of their confusion matrices, and the images behind
any of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.evaluation.metrics import confusion_matrix
from core.evaluation.predictions import Answers
from dashboard.answered_images import AnsweredImage
from dashboard.evaluate.confusion import AROUND, CELL, LONGEST, lay_out_cells
from dashboard.evaluate.images import show_answers
from dashboard.evaluate.models import Evaluated
from dashboard.ui.charts import empty_figure, on_dark_ground, plain_text, show

FIRST, SECOND, TRUE, NAMED = "differ-first", "differ-second", "differ-true", "differ-named"
LESS, MORE = "194,87,26", "31,95,168"  # orange and blue, which colour-blind people tell apart


@dataclass(frozen=True)
class Difference:
    """Two models on the images of one name and class that both answered, in the classes that either knows.

    `labels`, `first` and `second` `(N,)` are places in `classes`, `sure` `(N, 2)` how sure each model is; `digests` are
    "" where they were not kept.
    """

    classes: tuple[str, ...]
    images: tuple[str, ...]
    digests: tuple[str, ...]
    labels: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    sure: NDArray[np.float64]

    @property
    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The two confusion matrices `(K, K)`."""
        size = len(self.classes)
        return confusion_matrix(self.labels, self.first, size), confusion_matrix(self.labels, self.second, size)

    def behind(self, true: str, named: str, titles: tuple[str, str]) -> list[AnsweredImage]:
        """The images of class `true` that one of the two alone calls `named`, the surest first."""
        row, column = self.classes.index(true), self.classes.index(named)
        apart = (self.labels == row) & ((self.first == column) != (self.second == column))
        found = [self._answered(place, titles) for place in np.flatnonzero(apart).tolist()]
        return sorted(found, key=lambda case: (-case.sure, case.image))

    def _answered(self, place: int, titles: tuple[str, str]) -> AnsweredImage:
        true, one, other = (self.classes[int(of[place])] for of in (self.labels, self.first, self.second))
        said = f"{titles[0]}: {one}; {titles[1]}: {other}; truly {true}"
        sure = float(self.sure[place].max())
        return AnsweredImage(self.images[place], sure, self.digests[place], true, one, said)


def difference_of(one: Evaluated, other: Evaluated) -> Difference | None:
    """What both answered; None where they share no image, or a model has no answers."""
    if one.answers is None or other.answers is None or one.card is None or other.card is None:
        return None
    classes = tuple(dict.fromkeys((*one.answers.classes, *other.answers.classes)))
    keys = _keys(other.answers)
    places = {key: place for place, key in enumerate(keys)}
    shared = [(place, places[key]) for place, key in enumerate(_keys(one.answers)) if key in places]
    if not shared:
        return None
    mine, theirs = (np.array(side, dtype=np.int64) for side in zip(*shared, strict=True))
    sure = [
        answers.probabilities(card.temperature).max(axis=1)[own]
        for answers, card, own in ((one.answers, one.card, mine), (other.answers, other.card, theirs))
    ]
    return Difference(
        classes,
        tuple(one.answers.images[place] for place in mine),
        tuple(one.answers.digests[place] if one.answers.digests else "" for place in mine),
        _numbers(one.answers, one.answers.labels, classes)[mine],
        _numbers(one.answers, one.answers.predicted, classes)[mine],
        _numbers(other.answers, other.answers.predicted, classes)[theirs],
        np.stack(sure, axis=1),
    )


def _keys(answers: Answers) -> list[tuple[str, str, int]]:
    """Image, class, and which of the cells of that class in it: a photograph may show several."""
    seen: dict[tuple[str, str], int] = {}
    keys = []
    for image, label in zip(answers.images, answers.labels, strict=True):
        own = (image, answers.classes[label])
        keys.append((*own, seen.setdefault(own, 0)))
        seen[own] += 1
    return keys


def _numbers(answers: Answers, of: NDArray[np.int64], classes: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([classes.index(name) for name in answers.classes], dtype=np.int64)[of]


@st.fragment
def show_difference(models: Sequence[Evaluated]) -> None:
    """Choose two models; show the difference of their matrices, and the images behind the cell clicked or chosen."""
    by_name = {model.name: model for model in models}
    if len(by_name) < 2:
        st.caption("Switch on a second model to see where the two differ.")
        return
    with st.container(horizontal=True, gap="medium"):
        one = _choose("First model", FIRST, list(by_name), by_name)
        other = _choose("Second model", SECOND, [name for name in by_name if name != one], by_name)
    found = difference_of(by_name[one], by_name[other])
    if found is None:
        st.caption("These two have no test image in common.")
        return
    titles = (by_name[one].title, by_name[other].title)
    _keep_cell(found)
    marked = (st.session_state[TRUE], st.session_state[NAMED])
    figure = difference_figure(found, titles, on_dark_ground(), marked)
    show(figure, f"differ-{one}-{other}", difference_words(found, titles), _take_cell)
    st.caption(
        f"On {len(found.labels):,} images that both answered. True classes down, answers across; a number says how "
        "many more images of the class the first model calls so than the second (blue), or fewer (orange)."
    )
    with st.container(horizontal=True, gap="medium"):
        st.selectbox("True class", found.classes, width=170, key=TRUE)
        st.selectbox("Named by one alone", found.classes, width=170, key=NAMED)
    true, named = st.session_state[TRUE], st.session_state[NAMED]
    images = found.behind(true, named, titles)
    show_answers(by_name[one], _cell_words(found, titles, true, named, len(images)), images, "differ",
                f"{other}-{true}-{named}")  # fmt: skip


def _choose(label: str, key: str, names: list[str], by_name: dict[str, Evaluated]) -> str:
    if st.session_state.get(key) not in names:
        st.session_state[key] = names[0]
    return str(st.selectbox(label, names, format_func=lambda name: by_name[name].title, width=210, key=key))


def _keep_cell(found: Difference) -> None:
    """Where no cell of these classes is chosen: the mistake in which the two lie furthest apart."""
    if st.session_state.get(TRUE) in found.classes and st.session_state.get(NAMED) in found.classes:
        return
    st.session_state[TRUE], st.session_state[NAMED] = furthest_apart(found)


def furthest_apart(found: Difference) -> tuple[str, str]:
    """True class and answer of the cell off the diagonal whose counts differ most; the first where none does."""
    first, second = found.counts
    gaps = np.abs(first - second) * (1 - np.eye(len(found.classes), dtype=np.int64))
    row, column = np.unravel_index(int(gaps.argmax()), gaps.shape)
    return found.classes[int(row)], found.classes[int(column)]


def _take_cell(cell: Sequence[str]) -> None:
    st.session_state[TRUE], st.session_state[NAMED] = cell


def difference_figure(
    found: Difference, titles: tuple[str, str], dark: bool, marked: tuple[str, str] | None = None
) -> go.Figure:
    """First counts less second: blue above 0, orange below, both as deep as the largest difference is far."""
    first, second = found.counts
    gaps, count, classes = first - second, len(found.classes), list(found.classes)
    most = max(1, int(np.abs(gaps).max(initial=0)))
    figure = empty_figure(AROUND + CELL * count)
    scale = [[0, f"rgba({LESS},1)"], [0.5, f"rgba({LESS},0)"], [0.5, f"rgba({MORE},0)"], [1, f"rgba({MORE},1)"]]
    figure.add_heatmap(z=gaps.tolist(), zmin=-most, zmax=most, colorscale=scale, showscale=False, xgap=1, ygap=1,
                       hoverinfo="skip")  # fmt: skip
    lay_out_cells(
        figure,
        classes,
        lambda row, column: plain_text(_hover_words(found, titles, row, column)),
        lambda row, column: f"{int(gaps[row, column]):+d}" if gaps[row, column] else "0",
        lambda row, column: abs(int(gaps[row, column])) > 0.6 * most,
        dark,
        marked,
    )
    figure.update_layout(width=60 + 7 * LONGEST + 2 * CELL * count)
    return figure


def _hover_words(found: Difference, titles: tuple[str, str], row: int, column: int) -> str:
    first, second = found.counts
    true, named = found.classes[row], found.classes[column]
    said = "names right" if row == column else f"calls {named}"
    total = int(first[row].sum())
    return f"Of {total:,} {true}, {titles[0]} {said} {first[row, column]:,}, {titles[1]} {second[row, column]:,}"


def _cell_words(found: Difference, titles: tuple[str, str], true: str, named: str, count: int) -> str:
    """What the chosen cell says, and how many images are behind it."""
    told = _hover_words(found, titles, found.classes.index(true), found.classes.index(named))
    if not count:
        return f"{told}: the same images."
    return f"{told}. On {count:,} image{'s' if count > 1 else ''} one of the two alone says {named}."


def difference_words(found: Difference, titles: tuple[str, str]) -> str:
    """What a reader who does not see the matrix is told: the cells that lie furthest apart."""
    first, second = found.counts
    order = np.argsort(-np.abs(first - second), axis=None, kind="stable")[:3]
    cells = [np.unravel_index(int(place), first.shape) for place in order]
    apart = [(int(row), int(column)) for row, column in cells if first[row, column] != second[row, column]]
    told = [_hover_words(found, titles, *cell) for cell in apart]
    return f"Difference of two confusion matrices. {'. '.join(told) or 'All cells are alike'}."
