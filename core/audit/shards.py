"""An audit's work in shards: plain functions of (model, images, step, seed), each with one file as its result. They run
here one after another, in processes of this machine, or on a Dask cluster; what is there already is not done again."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.files import write_whole

FORMAT = 2  # raise it when a shard's function finds something else than before
AUDITED = "audited"  # label of the images whose copies are looked for among the shard's others
CONNECTING = 10  # s until a cluster has to answer
TRIES = 3  # a shard whose worker was lost as often is given up

Document = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class ShardImage:
    """An image of a shard: its file, the part that is meant ("x0,y0,x1,y1", "" for all), its label and its row."""

    path: str
    box: str
    label: str
    row: int


@dataclass(frozen=True)
class Shard:
    """One piece of an audit: `step` on `images` with the model in the folder `model` ("" for none).

    `identity` is what decides the model's answers (its card, which holds the weights' SHA-256).
    """

    step: str
    model: str
    identity: str
    images: tuple[ShardImage, ...]
    seed: int = 0
    device: str = "cpu"

    @property
    def name(self) -> str:
        """The name of its result: step, model, first row, and a digest of all that decides the result."""
        facts = [
            FORMAT,
            self.step,
            self.identity,
            self.seed,
            [(*_file(one), one.label, one.row) for one in self.images],
        ]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
        first = self.images[0].row if self.images else 0
        return f"{self.step}-{Path(self.model).name or 'pictures'}-{first:07d}-{digest}.json"


def _file(image: ShardImage) -> tuple[str, str, int, int]:
    """What tells whether a file is still the one that was looked at."""
    try:
        facts = Path(image.path).stat()
    except (OSError, ValueError):
        return image.path, image.box, -1, -1
    return image.path, image.box, facts.st_size, facts.st_mtime_ns


@dataclass(frozen=True)
class Workers:
    """Who does the work: `processes` of this machine (1: this one), or the Dask scheduler at `cluster`."""

    processes: int = 1
    cluster: str = ""


def run_shards(
    shards: Sequence[Shard], work: Callable[[Shard], Document], kept: Path, workers: Workers, tell: Tell
) -> list[Document]:
    """The results of all shards, in their order, each kept in the folder `kept` as soon as it is there.

    A lost worker costs its shard alone, which is tried again. InputError where one is lost TRIES times, or where the
    results cannot be written.
    """
    names = [shard.name for shard in shards]
    found = {name: document for name in names if (document := _kept(kept / name)) is not None}
    missing = [shard for shard, name in zip(shards, names, strict=True) if name not in found]
    started = time.monotonic()
    for done, (shard, document) in enumerate(_results(missing, work, workers), start=1):
        found[shard.name] = document
        _keep(kept / shard.name, document)
        left = (time.monotonic() - started) / done * (len(missing) - done)
        model = f" {Path(shard.model).name}" if shard.model else ""
        tell(f"{shard.step}{model}: {done} of {len(missing)} parts, {_duration(left)} left")
    return [found[name] for name in names]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _kept(file: Path) -> Document | None:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _keep(file: Path, document: Document) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(document, allow_nan=False).encode())
    except OSError as error:
        raise InputError(
            f"What was found cannot be kept in {file.parent}: {error.strerror or error}. Make room, or name another "
            "folder with --out; what is there is not computed again."
        ) from error


def _results(
    shards: Sequence[Shard], work: Callable[[Shard], Document], workers: Workers
) -> Iterator[tuple[Shard, Document]]:
    if workers.cluster:
        yield from _on_cluster(shards, work, workers.cluster)
    elif workers.processes > 1 and len(shards) > 1:
        yield from _in_processes(shards, work, workers.processes)
    else:
        yield from ((shard, work(shard)) for shard in shards)


def _in_processes(
    shards: Sequence[Shard], work: Callable[[Shard], Document], processes: int
) -> Iterator[tuple[Shard, Document]]:
    """Each process takes its share of the cores; after a lost one the rest goes on in fresh ones."""
    left = {shard.name: shard for shard in shards}
    threads = max(1, (os.cpu_count() or 1) // processes)
    for _ in range(TRIES):
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawn, _take_threads, (threads,)) as pool:
            jobs = {pool.submit(work, shard): shard for shard in left.values()}
            try:
                for job in as_completed(jobs):
                    try:
                        document = job.result()
                    except BrokenProcessPool:
                        continue
                    yield left.pop(jobs[job].name), document
            except BaseException:  # the audit ends here: what was not begun is not
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if not left:
            return
    raise _lost(next(iter(left.values())))


def _take_threads(count: int) -> None:
    """In a new process, before it loads what computes: how many threads are its own."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)


def _on_cluster(
    shards: Sequence[Shard], work: Callable[[Shard], Document], address: str
) -> Iterator[tuple[Shard, Document]]:
    """Hand the shards to an existing Dask cluster, whose workers see the same files by the same paths."""
    try:
        import distributed
    except ImportError as error:
        raise InputError('--cluster needs Dask: pip install "leukolens[cluster]", or leave it out.') from error
    try:
        client = distributed.Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"--cluster: no Dask scheduler answers at {address[:80]!r}: {error}") from error
    with client:
        jobs = {client.submit(work, shard, pure=False, retries=TRIES): shard for shard in shards}
        for job in distributed.as_completed(jobs, loop=client.loop):
            try:
                yield jobs[job], job.result()
            except distributed.KilledWorker as error:
                raise _lost(jobs[job]) from error


def _lost(shard: Shard) -> InputError:
    first = shard.images[0].path if shard.images else "no image"
    return InputError(
        f"The worker of {shard.step} ended {TRIES} times without an answer, at the part that begins with {first}. It "
        "may want more memory: try fewer workers. What was found is kept; the same command goes on from there."
    )
