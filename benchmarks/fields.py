"""`python -m benchmarks fields`: how many white cells of whole photographs are found, how many finds are none, how
often touching cells are told apart, and how long a photograph takes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.cells import images_of_half
from benchmarks.generated import RESULTS, write_made_part
from core.cli.common import AsJson, emit, reports_bad_input, say
from core.decoding import read_image
from core.errors import InputError
from core.evaluation.intervals import Estimate, wilson
from core.fields.cells import Corners, matched_boxes, overlap_of
from core.fields.detection import detect_cells
from core.fields.finder import CellFinder, read_finder, shipped_finder
from core.simulation.crowd import SmearPlan, draw_smear, usual_labels
from core.training.finder_data import bccd_boxes

PAGE = RESULTS / "fields.md"
FIRST_FIELD, FIRST_PAIR = 7_000_000, 8_000_000  # seeds that no training draws
LARGE = (3000, 4000)  # px: 12 megapixels
ROUNDS = 3
PALETTES = ("cream", "lilac", "white-violet", "grey", "yellow", "white-rose")
GOALS = {"recall": 0.97, "precision": 0.95, "pairs": 0.8, "seconds": 5.0, "error": 0.02}


@dataclass(frozen=True)
class Hits:
    """White cells annotated, found, and both, at IoU 0.5."""

    photographs: int
    cells: int
    found: int
    both: int

    @property
    def recall(self) -> Estimate:
        """Share of the cells that were found."""
        return wilson(self.both, self.cells)

    @property
    def precision(self) -> Estimate:
        """Share of the finds that are cells."""
        return wilson(self.both, self.found)


def hits_of(
    pairs: Iterable[tuple[NDArray[np.uint8], Sequence[Corners]]], finder: CellFinder
) -> tuple[Hits, list[tuple[int, int]]]:
    """Compare finds with the boxes of each photograph: hits over all, and (cells there, found) of each."""
    counts, both = [], 0
    for rgb, boxes in pairs:
        matched = _matched(rgb, boxes, finder)
        both += sum(index >= 0 for index in matched)
        counts.append((len(boxes), len(matched)))
    return Hits(len(counts), sum(there for there, _ in counts), sum(found for _, found in counts), both), counts


def _matched(rgb: NDArray[np.uint8], boxes: Sequence[Corners], finder: CellFinder) -> list[int]:
    """The index of the box that each find takes, or -1, the surest find first."""
    found = sorted(detect_cells(rgb, finder=finder), key=lambda cell: -cell.score)
    return matched_boxes([cell.box for cell in found], boxes)


def bccd_hits(data: Path, choices: bool, finder: CellFinder) -> Hits:
    """One half of BCCD's photographs."""
    return hits_of(((read_image(path).rgb, boxes) for path, boxes in bccd_boxes(data, choices)), finder)[0]


def crop_hits(data: Path, name: str, finder: CellFinder) -> Estimate:
    """The report half of LISC or JTSC, whose stains no training saw: crops in whose middle a cell is found."""
    found = 0
    paths = images_of_half(data, name, "report")
    for path in paths:
        rgb = read_image(path).rgb
        x, y = rgb.shape[1] / 2, rgb.shape[0] / 2
        boxes = [cell.box for cell in detect_cells(rgb, finder=finder)]
        found += any(left < x < right and top < y < bottom for left, top, right, bottom in boxes)
    return wilson(found, len(paths))


def simulated_fields(number: int) -> Iterator[tuple[NDArray[np.uint8], list[Corners]]]:
    """Simulated photographs of 1,280 x 960 px with up to 30 whole cells, and their boxes."""
    for index in range(number):
        rng = np.random.default_rng([FIRST_FIELD, index])
        labels = usual_labels(rng, int(rng.integers(5, 31)))
        stain, red_radius = PALETTES[index % len(PALETTES)], float(rng.uniform(14, 30))
        smear = draw_smear(SmearPlan(960, 1280, labels, stain=stain, red_radius=red_radius), FIRST_FIELD + index)
        yield smear.image, [cell.box for cell in smear.cells]


def pairs_split(number: int, finder: CellFinder) -> Estimate:
    """Pairs of touching cells, simulated: those of which both cells are found, each with its own box."""
    split = drawn = 0
    for index in range(number):
        labels = usual_labels(np.random.default_rng([FIRST_PAIR, index]), 2)
        plan = SmearPlan(480, 640, labels, pairs=1, stain=PALETTES[index % len(PALETTES)])
        smear = draw_smear(plan, FIRST_PAIR + index)
        if len(smear.cells) == 2:
            matched = _matched(smear.image, [cell.box for cell in smear.cells], finder)
            drawn, split = drawn + 1, split + ({0, 1} <= set(matched))
    return wilson(split, drawn)


def bccd_pairs(data: Path, finder: CellFinder) -> Estimate:
    """Pairs of BCCD's whole set whose boxes overlap: those of which both cells are found."""
    split = pairs = 0
    for choices in (True, False):
        for path, boxes in bccd_boxes(data, choices):
            close = [pair for pair in combinations(range(len(boxes)), 2) if overlap_of(*(boxes[n] for n in pair)) > 0]
            if close:
                matched = set(_matched(read_image(path).rgb, boxes, finder))
                pairs, split = pairs + len(close), split + sum(set(pair) <= matched for pair in close)
    return wilson(split, pairs)


def large_seconds(finder: CellFinder) -> tuple[float, float, int, int]:
    """Median seconds, by the clock and of processor time, of a simulated photograph of 12 megapixels; and the cells
    drawn and found."""
    labels = usual_labels(np.random.default_rng(FIRST_FIELD), 60)
    smear = draw_smear(SmearPlan(*LARGE, labels, red_radius=32.0, stain="cream", crowding=0.4), FIRST_FIELD)
    taken, busy, found = [], [], 0
    for _ in range(ROUNDS):
        started, before = time.perf_counter(), time.process_time()
        found = len(detect_cells(smear.image, finder=finder))
        taken.append(time.perf_counter() - started)
        busy.append(time.process_time() - before)
    return median(taken), median(busy), len(smear.cells), found


@reports_bad_input
def fields(
    data: Annotated[Path, typer.Option("--data", envvar="LEUKOLENS_DATA", help="Folder of the real cells.")],
    folder: Annotated[Path | None, typer.Option("--finder", help="Another network, as train-finder writes it.")] = None,
    simulated: Annotated[int, typer.Option("--simulated", min=1, help="Simulated photographs, and pairs.")] = 120,
    choices: Annotated[bool, typer.Option("--choices", help="BCCD's half for choices alone; nothing else.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Bring docs/results/fields.md up to date.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recall, precision, touching pairs, counts and seconds of the search for white cells."""
    if not data.is_dir():
        raise InputError(f"{data} is no folder. Name that of the real cells with --data.")
    finder = shipped_finder() if folder is None else read_finder(folder)[0]
    rows = measure_fields(data, finder, simulated, choices)
    text = "\n".join(["| what | goal | measured | of |", "|---|---|---|---|", *map(_row, rows)])
    if write and not choices:
        write_made_part(PAGE, "fields", text)
    emit(rows, [text], as_json)


def measure_fields(data: Path, finder: CellFinder, simulated: int, choices: bool) -> list[dict[str, Any]]:
    """Every figure as a row: what, goal, value, interval, and what it rests on."""
    hits = bccd_hits(data, choices, finder)
    half = "BCCD, half used for choices" if choices else "BCCD, half not used for choices"
    rows = [
        _share(f"{half}: recall at IoU 0.5", hits.recall, f"at least {GOALS['recall']:.0%}", "annotated cells"),
        _share(f"{half}: precision at IoU 0.5", hits.precision, f"at least {GOALS['precision']:.0%}", "finds"),
    ]
    if choices:
        return rows
    say("BCCD is done")
    goal = f"at least {GOALS['pairs']:.0%}"
    rows.append(_share("touching pairs told apart, BCCD, both halves", bccd_pairs(data, finder), goal, "pairs"))
    rows.append(_share("touching pairs told apart, simulated", pairs_split(simulated, finder), goal, "pairs"))
    say("pairs are done")
    drawn, counts = hits_of(simulated_fields(simulated), finder)
    error = sum(abs(found - there) for there, found in counts) / max(1, sum(there for there, _ in counts))
    of = f"{len(counts)} simulated photographs, {drawn.cells:,} cells"
    rows.append(
        _plain("absolute error of a count, share of the cells", f"at most {GOALS['error']:.0%}", f"{error:.2%}", of)
    )
    rows.append(_share("simulated photographs: recall at IoU 0.5", drawn.recall, "", "drawn cells"))
    rows.append(_share("simulated photographs: precision at IoU 0.5", drawn.precision, "", "finds"))
    say("simulated photographs are done")
    for name in ("lisc", "jtsc"):
        what = f"{name.upper()}, report half, stain unseen in training: a cell found in the middle"
        rows.append(_share(what, crop_hits(data, name, finder), "", "crops"))
    seconds, busy, there, found = large_seconds(finder)
    of = f"a simulated photograph of 12 megapixels, {there} cells, {found} found; {processor()}"
    told = f"{seconds:.1f} s by the clock, {busy:.1f} s of processor time"
    rows.append(_plain("time without classifiers", f"under {GOALS['seconds']:.0f} s", told, of))
    return rows


def processor() -> str:
    """The processor's name where the system tells it, and how many cores this process may use."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        facts = ""
    names = [line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def _share(what: str, estimate: Estimate, goal: str, of: str) -> dict[str, Any]:
    if estimate.value is None:
        return _plain(what, goal, "not defined", f"0 {of}")
    told = f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
    return _plain(what, goal, told, f"{estimate.of:,} {of}")


def _plain(what: str, goal: str, measured: str, of: str) -> dict[str, Any]:
    return {"what": what, "goal": goal, "measured": measured, "of": of}


def _row(row: dict[str, Any]) -> str:
    return f"| {row['what']} | {row['goal']} | {row['measured']} | {row['of']} |"
