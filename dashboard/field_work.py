"""What a session knows of its photographs: the cells found, the models' answers, the reader's corrections, the truth
that they brought; and the work in the background that finds it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.fields.annotations import AnnotatedPhotograph
from core.fields.cells import FieldCell, cell_window
from core.fields.jobs import CountedPhotograph, CountJob, CountTask, FieldCounter
from core.fields.review import FieldReview
from core.models.classifier import Classifier
from dashboard import uploads
from dashboard.ui.html import data_address, fitted, picture_address

MEMORY = "field-memory"
WHOLE_SIDE, THUMBNAIL = 1400, 96  # px


@dataclass
class FieldMemory:
    """A session's photographs by the uploads' keys.

    `wanted` were asked to be counted, `opened` are uploads that are single cells taken out of photographs; `stopped`
    says that the reader stopped the work; `chosen` is the number of the cell looked at, by photograph.
    """

    counted: dict[str, CountedPhotograph] = field(default_factory=dict)
    reviews: dict[str, FieldReview] = field(default_factory=dict)
    truths: dict[str, AnnotatedPhotograph] = field(default_factory=dict)
    drawn: dict[str, AnnotatedPhotograph] = field(default_factory=dict)  # what we drew ourselves, to be taken as truth
    chosen: dict[str, int] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    job: CountJob | None = None
    stopped: bool = False
    told: list[str] = field(default_factory=list)  # about annotations brought, of the last batch
    fault: str = ""  # of the last correction

    def review(self, key: str) -> FieldReview | None:
        """The corrections of a photograph; None before it was searched."""
        counted = self.counted.get(key)
        if counted is None or counted.cells is None:
            return None
        if key not in self.reviews:
            self.reviews[key] = FieldReview(counted.cells, counted.size)
        return self.reviews[key]

    def prune(self, keys: Sequence[str]) -> None:
        """Drop what is known of photographs that are no longer there."""
        for held in (self.counted, self.reviews, self.truths, self.drawn, self.chosen):
            for key in set(held) - set(keys):
                held.pop(key)
        self.wanted &= set(keys)
        self.opened &= set(uploads.store().files)


def field_memory() -> FieldMemory:
    """This session's memory, pruned of uploads that are gone."""
    memory: FieldMemory = st.session_state.setdefault(MEMORY, FieldMemory())
    memory.prune(photographs(memory))
    return memory


def photographs(memory: FieldMemory) -> list[str]:
    """The keys of the uploads that are photographs, in the order they came; cells opened from here are none."""
    return [key for key in uploads.store().files if key not in memory.opened]


def forget_fields() -> None:
    """Stop this session's counting and drop all that it found out."""
    memory: FieldMemory | None = st.session_state.pop(MEMORY, None)
    if memory is not None and memory.job is not None:
        memory.job.stop()
    whole_address.clear()
    cell_address.clear()


@st.cache_resource(show_spinner=False, max_entries=1, on_release=FieldCounter.close)
def _counter() -> FieldCounter:
    return FieldCounter()


def tasks_for(memory: FieldMemory, classifiers: Sequence[Classifier]) -> list[CountTask]:
    """What is still to be found out about the photographs that were asked for."""
    held, found = uploads.store().files, []
    for key in photographs(memory):
        if key not in memory.wanted:
            continue
        into = memory.counted.setdefault(key, CountedPhotograph())
        review = memory.review(key)
        cells = [] if review is None else [one.cell for one in review.cells]
        known = into.cells is not None and not any(into.missing(cells, one.identity) for one in classifiers)
        if not known and not into.fault:
            added = tuple(one.cell for one in review.cells if one.added) if review is not None else ()
            found.append(CountTask(held[key].name, held[key].data, into, added))
    return found


def look_after(memory: FieldMemory, classifiers: Sequence[Classifier]) -> CountJob | None:
    """The work that goes on, begun where there is some to do; None where there is none, or where it was stopped."""
    if memory.job is not None and memory.job.going_on:
        return memory.job
    tasks = tasks_for(memory, classifiers)
    memory.job = None if memory.stopped or not tasks else _counter().begin(tasks, classifiers)
    return memory.job


def pixels(key: str) -> NDArray[np.uint8]:
    """The photograph `(H, W, 3) uint8` of an upload that was decoded before."""
    upload = uploads.store().files[key]
    return uploads.decoded(key, upload.name, upload.data).rgb


@st.cache_data(show_spinner=False, max_entries=8, scope="session")
def whole_address(key: str) -> str:
    """The whole photograph, reduced, as a `data:` address."""
    return picture_address(fitted(pixels(key), WHOLE_SIDE), quality=85)


@st.cache_data(show_spinner=False, max_entries=2000, scope="session")
def cell_address(key: str, box: tuple[int, int, int, int]) -> str:
    """A cell's window, reduced, as a `data:` address."""
    return data_address(cell_window(pixels(key), FieldCell(0, box, 1.0, False)), THUMBNAIL)
