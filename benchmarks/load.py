"""Many at once: `python -m benchmarks load`: sixteen threads ask the shipped models for fifty maps each.

Every thread asks for its own random choice of (model, picture, method), waits for the map and asks for the next. The
maps are compared with those computed one after the other: scenes that nothing is remembered of, no queue. A map is
wrong where it differs by more than TOLERANCE of the largest value, in float32. Latency is from asking to having the
finished map, of all requests: also of those that another thread had made before. Memory is the process's resident set:
before, after the first round, and after the last.
"""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from numpy.typing import NDArray

from core.checkpoints import available, default_root, find, load_classifier
from core.classifier import Classifier
from core.cli.output import emit, reports_bad_input, say
from core.explanation.controls import Value, budget_of
from core.explanation.engine import explain
from core.explanation.methods import METHODS
from core.explanation.service import ExplanationService
from core.preprocessing.framing import frame_image
from core.simulation import gallery

TOLERANCE = 1e-5
LONGEST = 3600.0  # s
Case = tuple[str, int, str]  # model, picture, method


@dataclass
class Storm:
    """What one round brought: seconds of each request, wrong maps with their distance, errors."""

    seconds: list[float] = field(default_factory=list)
    wrong: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """Models and pictures, and the budget of the methods that have one."""

    classifiers: dict[str, Classifier]
    images: tuple[NDArray[np.uint8], ...]
    budget: int

    @property
    def cases(self) -> list[Case]:
        """Everything that can be asked for."""
        return list(product(self.classifiers, range(len(self.images)), METHODS))

    def settings(self, method: str) -> dict[str, Value]:
        """The budget, where the method has one, within its bounds."""
        control = budget_of(METHODS[method].controls)
        return {} if control is None else {control.name: max(int(control.low), self.budget)}

    def view(self, case: Case) -> NDArray[np.uint8]:
        """The framed picture."""
        return frame_image(self.images[case[1]], self.classifiers[case[0]].card.framing).rgb

    def serial(self, case: Case) -> NDArray[np.float32]:
        """The map computed alone."""
        settings = {case[2]: self.settings(case[2])}
        found = explain(self.classifiers[case[0]], self.view(case), [case[2]], None, settings, precision="float32")
        return found[case[2]].native

    def ask(self, service: ExplanationService, case: Case, owner: str) -> NDArray[np.float32]:
        """The map through the service; RuntimeError where it fails."""
        scene = service.scene(self.view(case), owner=owner, private=False)
        settings = self.settings(case[2])
        job = service.request(self.classifiers[case[0]], scene, case[2], settings, 0, "float32", owner)
        job.wait(LONGEST)
        found = job.explanation()
        if job.state != "done" or found is None:
            raise RuntimeError(f"{job.state}: {job.fault}")
        return found.native


def storm(
    load: Load, service: ExplanationService, twins: dict[Case, NDArray[np.float32]], threads: int, each: int
) -> Storm:
    """One round: all threads, `each` maps a thread."""
    result, cases = Storm(), list(twins)

    def thread(number: int) -> None:
        chosen = np.random.default_rng([1, number]).permutation(len(cases))
        for place in np.resize(chosen, each):
            case, started = cases[place], time.perf_counter()
            try:
                found = load.ask(service, case, f"owner {number}")
            except Exception as error:
                result.errors.append(f"{case}: {error}")
                continue
            result.seconds.append(time.perf_counter() - started)
            off = float(np.abs(found - twins[case]).max()) / (float(np.abs(twins[case]).max()) or 1.0)
            if off > TOLERANCE:
                result.wrong[" ".join(map(str, case))] = off

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(thread, range(threads)))
    return result


def resident_mb() -> int:
    """Resident memory, MB."""
    gc.collect()
    return psutil.Process().memory_info().rss // 2**20


def measure(load: Load, threads: int, each: int, rounds: int) -> dict[str, Any]:
    """All rounds, each with a service of its own, against the serial twins."""
    say(f"{len(load.cases)} maps one after the other")
    twins = {case: load.serial(case) for case in load.cases}
    memory, storms = [resident_mb()], []
    for number in range(rounds):
        say(f"round {number + 1}: {threads} threads ask for {each} maps each")
        service = ExplanationService()
        storms.append(storm(load, service, twins, threads, each))
        service.close()
        del service
        memory.append(resident_mb())
    seconds = [value for one in storms for value in one.seconds]
    wrong = {case: off for one in storms for case, off in one.wrong.items()}
    errors = [error for one in storms for error in one.errors]
    return {
        "models": list(load.classifiers),
        "methods": list(METHODS),
        "threads": threads,
        "maps": len(seconds),
        "different": len(twins),
        "budget": load.budget,
        "wrong": len(wrong),
        "worst": max(wrong.items(), key=lambda item: item[1], default=None),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "median_s": round(float(np.median(seconds)), 4) if seconds else None,
        "p95_s": round(float(np.percentile(seconds, 95)), 3) if seconds else None,
        "memory_mb": memory,
    }


@reports_bad_input
def load(
    model: Annotated[list[str] | None, typer.Option("--model", help="Which models. Default: all.")] = None,
    threads: Annotated[int, typer.Option(help="Threads that ask.", min=1)] = 16,
    each: Annotated[int, typer.Option(help="Maps that each asks for.", min=1)] = 50,
    budget: Annotated[int, typer.Option(help="Evaluations of the methods that have a budget.", min=1)] = 10,
    pictures: Annotated[int, typer.Option(help="Cells of the gallery.", min=1, max=10)] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds; memory is taken after each.", min=1)] = 2,
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask for many maps from many threads at once; print wrong maps, errors, latency and memory."""
    root = checkpoints or default_root()
    names = model or available(root)
    classifiers = {name: load_classifier(find(name, root)) for name in names}
    images = tuple(cell.cell().image for cell in gallery()[::2][:pictures])
    figures = measure(Load(classifiers, images, budget), threads, each, rounds)
    emit(figures, [f"{name:12} {value}" for name, value in figures.items()], as_json)
