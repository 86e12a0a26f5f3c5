"""Explanations for many at once: asked for by content, computed once, in fair turns, kept within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

import numpy as np
import torch
from numpy.typing import NDArray

from core.classifier import Classifier
from core.explanation.controls import Settings, budget_of
from core.explanation.engine import checked_settings, start
from core.explanation.explanation_job import ExplanationJob, Snapshots
from core.explanation.methods import method as known_method
from core.explanation.precision import chosen_precision
from core.explanation.queue import Job, WorkQueue
from core.explanation.scene import Scene
from core.explanation.store import Entry, Place, Store
from core.explanation.task import Task

MOST_ENTRIES = 512  # results
MOST_SCENES = 32  # pictures
MOST_BYTES = 800_000_000  # of results and of what pictures keep for them


class ExplanationService:
    """One a process, made by whoever serves: a queue, and a bounded cache keyed by content. Thread-safe.

    Who asks for what another has asked for shares it, unless it is private. Nothing is computed in the caller's thread
    but checks and small maps. What is under way is never dropped; else the least recently used goes first.
    """

    def __init__(
        self,
        queue: WorkQueue | None = None,
        most_entries: int = MOST_ENTRIES,
        most_scenes: int = MOST_SCENES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.queue = queue or WorkQueue()
        self._store = Store(most_entries, most_scenes, most_bytes)
        self._lock = threading.Lock()

    def scene(
        self, rgb: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None, owner: str = "", private: bool = True
    ) -> Scene:
        """The one scene of this content; a private one is the owner's own, and so is all that is asked of it."""
        return self._placed(Scene(rgb, mask), owner, private)[1]

    def request(
        self,
        classifier: Classifier,
        scene: Scene,
        method: str,
        settings: Settings | None = None,
        seed: int = 0,
        precision: str = "auto",
        owner: str = "",
        private: bool = False,
        lease: float | None = None,
    ) -> ExplanationJob:
        """Ask for an explanation, or for more of it; InputError where a setting is wrong or the method does not fit.

        A larger budget continues what there is. A job that its owner stopped stays stopped until `resume` or a larger
        budget. The job pauses when `lease` seconds pass without a request, touch, wait or reading of this owner.
        """
        kind = known_method(method)
        values = checked_settings(kind, classifier, settings)
        control = budget_of(kind.controls)
        resolved = chosen_precision(classifier, kind.family, precision)
        place, scene = self._placed(scene, owner, private)
        rest = tuple(sorted((name, value) for name, value in values.items() if control is None or name != control.name))
        key = (place, classifier.identity, method, rest, seed, resolved, torch.get_num_threads())
        budget = int(values[control.name]) if control else None
        entry = self._entry(
            key,
            place,
            lambda: start(method, classifier, scene, values, seed, resolved),
            budget,
            Snapshots(kind, classifier),
        )
        return ExplanationJob(entry.work, owner, entry.want(owner, lease, budget), entry.extra)

    def run(
        self,
        task_key: Hashable,
        make_task: Callable[[], Task],
        owner: str = "",
        lease: float | None = None,
        private: bool = False,
        scene: Scene | None = None,
    ) -> Job:
        """Queue any other task, made once for all who name the same key; it must tell the content apart.

        With the `scene` that it is about it is kept, and dropped, together with that. One that failed is made anew.
        """
        place = (owner if private else "", "") if scene is None else self._placed(scene, owner, private)[0]
        key = (place, "task", task_key)
        with self._lock:
            self._store.drop_failed(key)
        entry = self._entry(key, place, make_task)
        return Job(entry.work, owner, entry.want(owner, lease, None))

    def forget(self, owner: str) -> None:
        """Stop all jobs of `owner` and drop what was private to him."""
        with self._lock:
            works = self._store.forget(owner)
        for work in works:
            work.leave(owner)

    def close(self) -> None:
        """Stop the workers."""
        self.queue.close()

    def __len__(self) -> int:
        """How many results are kept."""
        return len(self._store.entries)

    @property
    def bytes(self) -> int:
        """About how many bytes results and pictures keep, as last measured."""
        with self._lock:
            return self._store.bytes

    def _placed(self, scene: Scene, owner: str, private: bool) -> tuple[Place, Scene]:
        with self._lock:
            known = self._store.place_of(scene)
        whose = owner if private or (known and known[0]) else ""
        place = (whose, known[1] if known else scene.digest)
        with self._lock:
            return place, self._store.enter(place, scene)

    def _entry(
        self,
        key: Hashable,
        place: Place,
        make: Callable[[], Task],
        budget: int | None = None,
        snapshots: Snapshots | None = None,
    ) -> Entry:
        with self._lock:
            known = self._store.get(key)
        if known is not None:
            return known
        made = Entry(self.queue.prepare(make(), budget), place, snapshots)
        with self._lock:
            kept = self._store.add(key, made)
        self._store.measure(place)
        with self._lock:
            self._store.shrink(keep=kept)
        return kept
