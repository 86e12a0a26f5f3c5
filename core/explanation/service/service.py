"""Explanations for many at once: asked for by content, computed once, in fair turns, kept within bounds; and one
owner's hold on an explanation that is being computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import ImageContext, nbytes_of
from core.explanation.engine import Explanation, checked_classes, explanation_of, start_checked
from core.explanation.method import Estimator, Method, MethodSettings, Request
from core.explanation.methods.registry import method as known_method
from core.explanation.service.cache import CacheEntry, Place, ResultCache
from core.explanation.service.scheduler import Interest, JobHandle, SharedTask, WorkQueue
from core.explanation.task import Task
from core.models.classifier import Classifier

Classes = tuple[str, ...]

MOST_SELECTIONS = 8  # choices of classes remembered at a time
MOST_ENTRIES = 512  # results
MOST_CONTEXTS = 32  # pictures
MOST_BYTES = 800_000_000  # of results and of what pictures keep for them


@dataclass(eq=False)
class Snapshots:
    """What one estimator showed at its last count of evaluations, by choice of classes; read between two steps."""

    method: Method
    classifier: Classifier
    evaluations: int = -1
    shown: dict[Classes, Explanation] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of all that is remembered."""
        return nbytes_of(self.shown)

    def take(self, estimator: Estimator, classes: Classes) -> Explanation | None:
        """The explanation as it stands now; None where there is nothing to show yet."""
        count = estimator.evaluations
        if count != self.evaluations or len(self.shown) >= MOST_SELECTIONS:
            self.shown = {}
        if classes not in self.shown:
            try:
                found = explanation_of(estimator, classes)
            except InputError:
                return None
            self.shown = {**self.shown, classes: found}
        self.evaluations = count
        return self.shown[classes]


class ExplanationJob(JobHandle):
    """A `JobHandle` whose task is an explanation; `method` is its entry in the registry."""

    def __init__(self, work: SharedTask, owner: str, interest: Interest, snapshots: Snapshots) -> None:
        super().__init__(work, owner, interest)
        self.method = snapshots.method
        self._snapshots = snapshots

    def explanation(self, classes: Sequence[str] | None = None) -> Explanation | None:
        """What was found so far, for `classes` (all by default); None before the first step. Renews the lease.

        The same object as long as nothing new was found: its arrays are shared, never write to them. Its budget is this
        owner's. InputError for a class that the model lacks. What failed shows what was last looked at, if anything.
        """
        work, kept = self._work, self._snapshots
        chosen = checked_classes(kept.classifier, classes)
        with work.condition:
            self.touch()
            fresh = kept.evaluations == work.evaluations or bool(work.fault)
            found = kept.shown.get(chosen) if fresh else None
            begun = work.steps > 0 and not work.fault
        if found is None and begun:
            found = self.read(lambda estimator: kept.take(estimator, chosen))
        return None if found is None else self._as_asked(found)

    def _as_asked(self, found: Explanation) -> Explanation:
        """Say this owner's budget, not that of another who asked for more or less; but never less than was done."""
        asked = found.evaluations if self.state == "done" else self.budget
        settings = found.settings.with_budget(max(self._interest.wanted, found.evaluations))
        if found.budget == asked and found.settings == settings:
            return found
        return replace(found, budget=asked, settings=settings)


class ExplanationService:
    """One a process, made by whoever serves: a queue, and a bounded cache keyed by content. Thread-safe.

    Who asks for what another has asked for shares it, unless it is private. Nothing is computed in the caller's thread
    but checks and small maps. What is under way is never dropped; else the least recently used goes first.
    """

    def __init__(
        self,
        queue: WorkQueue | None = None,
        most_entries: int = MOST_ENTRIES,
        most_contexts: int = MOST_CONTEXTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.queue = queue or WorkQueue()
        self._cache = ResultCache(most_entries, most_contexts, most_bytes)
        self._lock = threading.Lock()

    def context(
        self,
        rgb: NDArray[np.uint8],
        mask: NDArray[np.bool_] | None = None,
        owner: str = "",
        private: bool = True,
        regions: NDArray[np.int32] | None = None,
    ) -> ImageContext:
        """The one context of this content; a private one is the owner's own, and so is all that is asked of it."""
        return self._placed(ImageContext(rgb, mask, regions), owner, private)[1]

    def request(
        self,
        wanted: Request[MethodSettings],
        owner: str = "",
        private: bool = False,
        lease: float | None = None,
    ) -> ExplanationJob:
        """Ask for the explanation that a `checked_request` describes, or for more of it.

        A larger budget continues what there is. A job that its owner stopped stays stopped until `resume` or a larger
        budget. The job pauses when `lease` seconds pass without a request, touch, wait or reading of this owner.
        """
        kind = known_method(wanted.method)
        place, context = self._placed(wanted.context, owner, private)
        asked = replace(wanted, context=context)
        budget = None if kind.instant else asked.settings.budget
        rest = asked.settings.besides_budget
        key = (place, asked.classifier.identity, kind.name, rest, asked.seed, asked.precision, torch.get_num_threads())
        entry = self._entry(key, place, lambda: start_checked(asked), budget, Snapshots(kind, asked.classifier))
        return ExplanationJob(entry.work, owner, entry.want(owner, lease, budget), entry.extra)

    def run(
        self,
        task_key: Hashable,
        make_task: Callable[[], Task],
        owner: str = "",
        lease: float | None = None,
        private: bool = False,
        context: ImageContext | None = None,
    ) -> JobHandle:
        """Queue any other task, made once for all who name the same key; it must tell the content apart.

        With the `context` that it is about it is kept, and dropped, together with that. One that failed is made anew.
        """
        place = (owner if private else "", "") if context is None else self._placed(context, owner, private)[0]
        key = (place, "task", task_key)
        with self._lock:
            self._cache.drop_failed(key)
        entry = self._entry(key, place, make_task)
        return JobHandle(entry.work, owner, entry.want(owner, lease, None))

    def forget(self, owner: str) -> None:
        """Stop all jobs of `owner` and drop what was private to him."""
        with self._lock:
            works = self._cache.forget(owner)
        for work in works:
            work.leave(owner)

    def close(self) -> None:
        """Stop the workers."""
        self.queue.close()

    def __len__(self) -> int:
        """How many results are kept."""
        return len(self._cache.entries)

    @property
    def bytes(self) -> int:
        """About how many bytes results and pictures keep, as last measured."""
        with self._lock:
            return self._cache.bytes

    def _placed(self, context: ImageContext, owner: str, private: bool) -> tuple[Place, ImageContext]:
        with self._lock:
            known = self._cache.place_of(context)
        whose = owner if private or (known and known[0]) else ""
        place = (whose, known[1] if known else context.digest)
        with self._lock:
            return place, self._cache.enter(place, context)

    def _entry(
        self,
        key: Hashable,
        place: Place,
        make: Callable[[], Task],
        budget: int | None = None,
        snapshots: Snapshots | None = None,
    ) -> CacheEntry:
        with self._lock:
            known = self._cache.get(key)
        if known is not None:
            return known
        made = CacheEntry(self.queue.prepare(make(), budget), place, snapshots)
        with self._lock:
            kept = self._cache.add(key, made)
        self._cache.measure(place)
        with self._lock:
            self._cache.shrink(keep=kept)
        return kept
