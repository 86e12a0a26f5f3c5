"""Counting in the background: photographs are searched and their cells answered by models one after another, in a
thread that all visitors share; each job tells how far it is, can be stopped, and ends where nobody looks at it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from core.decoding import decode
from core.errors import InputError
from core.fields.cells import Corners, FieldCell
from core.fields.classify import classify_cells
from core.fields.detection import detect_cells
from core.models.classifier import Classifier, Prediction

LEASE = 30.0  # s that work goes on without anybody who asks how far it is
SEARCHING = 0.5  # share of a photograph's work that the search is, for the bar alone
FAULT = "This photograph could not be counted; the server's log says why."
LOG = logging.getLogger(__name__)

Model = tuple[str, str, str]
"""What tells a classifier from all others: `Classifier.identity`."""


@dataclass
class CountedPhotograph:
    """What is known of one photograph so far, filled in by a job: its size `(height, width)` in px, the cells found
    (None before the search), what each model says of each box, and why it cannot be used ("" where it can)."""

    size: tuple[int, int] = (0, 0)
    cells: tuple[FieldCell, ...] | None = None
    answers: dict[tuple[Model, Corners], Prediction] = field(default_factory=dict)
    fault: str = ""

    def missing(self, cells: Sequence[FieldCell], model: Model) -> list[FieldCell]:
        """Those of `cells` that the model has not answered."""
        return [cell for cell in cells if (model, cell.box) not in self.answers]


@dataclass(frozen=True)
class CountTask:
    """A photograph to count: its file's `name` and `data`, where the result goes, and the cells that a reader added."""

    name: str
    data: bytes
    into: CountedPhotograph
    added: tuple[FieldCell, ...] = ()


class CountJob:
    """Work on some photographs; `share` (0 to 1) and `number` (photographs begun) may be read at any time."""

    def __init__(self, tasks: Sequence[CountTask], classifiers: Sequence[Classifier], lease: float = LEASE) -> None:
        self.tasks, self.classifiers = tuple(tasks), tuple(classifiers)
        self.number, self._part, self._lease = 0, 0.0, lease
        self._stop, self._ended = threading.Event(), threading.Event()
        self._seen = time.monotonic()

    @property
    def share(self) -> float:
        """How much of the work is done; whoever asks keeps it going."""
        self._seen = time.monotonic()
        return min(1.0, (max(0, self.number - 1) + self._part) / max(1, len(self.tasks)))

    @property
    def going_on(self) -> bool:
        """Whether the work is waiting or under way."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """Stop soon; what was found so far stays."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False where it did not come in that time."""
        return self._ended.wait(seconds)

    def cancelled(self) -> bool:
        """Whether a stop was asked for, or nobody has looked for longer than the lease."""
        return self._stop.is_set() or time.monotonic() - self._seen > self._lease

    def run(self) -> None:
        """Do the work; a photograph that fails says so in its own result, and the others go on."""
        try:
            for number, task in enumerate(self.tasks, start=1):
                self.number, self._part = number, 0.0
                if self.cancelled():
                    break
                self._count(task)
        finally:
            self._ended.set()

    def _count(self, task: CountTask) -> None:
        try:
            rgb = decode(task.data, task.name).rgb
            task.into.size = (rgb.shape[0], rgb.shape[1])
            if task.into.cells is None:
                cells = detect_cells(rgb, progress=self._tell(0.0, SEARCHING), cancelled=self.cancelled)
                if self.cancelled():
                    return
                task.into.cells = tuple(cells)
            cells = [*task.into.cells, *task.added]
            for place, classifier in enumerate(self.classifiers):
                start = SEARCHING + (1 - SEARCHING) * place / len(self.classifiers)
                wanted = task.into.missing(cells, classifier.identity)
                tell = self._tell(start, (1 - SEARCHING) / len(self.classifiers))
                said = classify_cells(rgb, wanted, [classifier], progress=tell, cancelled=self.cancelled)
                for cell, answer in zip(wanted, said[classifier.name], strict=False):  # fewer where it was stopped
                    task.into.answers[classifier.identity, cell.box] = answer
        except InputError as error:
            task.into.fault = str(error)
        except Exception:
            LOG.exception("a photograph could not be counted")
            task.into.fault = FAULT

    def _tell(self, start: float, extent: float) -> Callable[[float], None]:
        def tell(share: float) -> None:
            self._part = start + extent * share

        return tell


class FieldCounter:
    """The one thread of a process in which photographs are counted, in the order asked for."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fields")

    def begin(self, tasks: Sequence[CountTask], classifiers: Sequence[Classifier]) -> CountJob:
        """Put work in line and return at once."""
        job = CountJob(tasks, classifiers)
        self._pool.submit(job.run)
        return job

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
