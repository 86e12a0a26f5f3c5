"""Many at once: `python -m benchmarks load`: sixteen threads ask the shipped models for fifty maps each, from cold.

Every thread asks for its own random choice of (model, picture, method), waits for the map and asks for the next.
Nothing is prepared: a round begins with models that were just loaded, and each thread once loads one of them anew and
puts it in the old one's place while the others run. Only when all rounds are over are the maps computed one after the
other, by models loaded for that, from contexts that nothing is remembered of, without a queue. A map is wrong where it
differs by more than TOLERANCE of the largest value, in float32. Latency is from asking to having the finished map, of
all requests: also of those that another thread had made before. Memory is the process's resident set: before, and after
each round; the rounds' maps, which are kept until they are compared, are part of it.
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

from core.cli.common import emit, reports_bad_input, say
from core.explanation.engine import checked_request, explain
from core.explanation.methods.registry import METHODS
from core.explanation.service.service import ExplanationService
from core.models.checkpoints import available, default_root, find, load_classifier
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image
from core.settings import Value
from core.simulation import gallery

TOLERANCE = 1e-5
LONGEST = 3600.0  # s
Case = tuple[str, int, str]  # model, picture, method


@dataclass
class Storm:
    """What one round brought: each map with its case, seconds of each request, errors."""

    maps: list[tuple[Case, NDArray[np.float32]]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """Folders of the models, pictures, and the budget of the methods that have one."""

    folders: dict[str, Path]
    images: tuple[NDArray[np.uint8], ...]
    budget: int

    @property
    def cases(self) -> list[Case]:
        """Everything that can be asked for."""
        return list(product(self.folders, range(len(self.images)), METHODS))

    def models(self) -> dict[str, Classifier]:
        """All models, loaded anew."""
        return {name: load_classifier(folder) for name, folder in self.folders.items()}

    def settings(self, method: str) -> dict[str, Value]:
        """The budget, where the method has one, within its bounds."""
        field = METHODS[method].budget
        return {} if field is None else {field.name: max(int(field.low or 0), self.budget)}

    def view(self, classifier: Classifier, picture: int) -> NDArray[np.uint8]:
        """The picture, framed as the model takes it."""
        return frame_image(self.images[picture], classifier.card.framing).rgb

    def serial(self, classifier: Classifier, case: Case) -> NDArray[np.float32]:
        """The map computed alone."""
        _, picture, method = case
        view, settings = self.view(classifier, picture), {method: self.settings(method)}
        return explain(classifier, view, [method], None, settings, precision="float32")[method].native

    def ask(self, service: ExplanationService, classifier: Classifier, case: Case, owner: str) -> NDArray[np.float32]:
        """The map through the service; RuntimeError where it fails."""
        _, picture, method = case
        context = service.context(self.view(classifier, picture), owner=owner, private=False)
        wanted = checked_request(method, classifier, context, self.settings(method), 0, "float32")
        job = service.request(wanted, owner)
        job.wait(LONGEST)
        found = job.explanation()
        if job.state != "done" or found is None:
            raise RuntimeError(f"{job.state}: {job.fault}")
        return found.native


def storm(load: Load, threads: int, each: int) -> Storm:
    """One round, with models and a service of its own: all threads, `each` maps a thread."""
    result, cases, names = Storm(), load.cases, list(load.folders)
    models, service = load.models(), ExplanationService()

    def thread(number: int) -> None:
        chosen = np.resize(np.random.default_rng([1, number]).permutation(len(cases)), each)
        for turn, place in enumerate(chosen):
            case = cases[place]
            try:
                if turn == number * each // threads:
                    name = names[number % len(names)]
                    models[name] = load_classifier(load.folders[name])
                started = time.perf_counter()
                result.maps.append((case, load.ask(service, models[case[0]], case, f"owner {number}")))
                result.seconds.append(time.perf_counter() - started)
            except Exception as error:
                result.errors.append(f"{case}: {error}")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(thread, range(threads)))
    service.close()
    return result


def wrong_maps(load: Load, storms: list[Storm]) -> dict[str, float]:
    """The cases with a map that is wrong, and by how much of the largest value at worst."""
    models, wrong = load.models(), {}
    for case in sorted({case for one in storms for case, _ in one.maps}):
        wanted = load.serial(models[case[0]], case)
        scale = float(np.abs(wanted).max()) or 1.0
        distinct = {id(found): found for one in storms for asked, found in one.maps if asked == case}
        off = max(float(np.abs(found - wanted).max()) / scale for found in distinct.values())
        if not off <= TOLERANCE:
            wrong[" ".join(map(str, case))] = off
    return wrong


def resident_mb() -> int:
    """Resident memory, MB."""
    gc.collect()
    return psutil.Process().memory_info().rss // 2**20


def measure_load(load: Load, threads: int, each: int, rounds: int) -> dict[str, Any]:
    """All rounds from cold, then the maps computed one after the other."""
    memory, storms = [resident_mb()], []
    for number in range(rounds):
        say(f"round {number + 1}: {threads} threads ask for {each} maps each")
        storms.append(storm(load, threads, each))
        memory.append(resident_mb())
    say(f"{len(load.cases)} maps one after the other")
    wrong = wrong_maps(load, storms)
    seconds = [value for one in storms for value in one.seconds]
    errors = [error for one in storms for error in one.errors]
    return {
        "models": list(load.folders),
        "methods": list(METHODS),
        "threads": threads,
        "loaded_again": threads * rounds,
        "maps": len(seconds),
        "different": len(load.cases),
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
    folders = {name: find(name, root) for name in names}
    images = tuple(cell.cell().image for cell in gallery()[::2][:pictures])
    figures = measure_load(Load(folders, images, budget), threads, each, rounds)
    emit(figures, [f"{name:12} {value}" for name, value in figures.items()], as_json)
