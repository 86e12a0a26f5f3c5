"""Leak detection: which copies of photographs and cells are found, and what is joined wrongly.

`python -m benchmarks leaks --data DIR [--half tune|report] [--unseen] [--json]`. Copies and their kinds are drawn from
a seed; each photograph gives its original and some copies of different kinds, and single cells stand among them.
Settings were chosen on images of BCCD, PBC and Kaggle; `--unseen` takes LISC and JTSC, on which nothing was chosen.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet

from benchmarks.leak_copies import COPIES, Picture
from core.cli.output import emit, reports_bad_input, say
from core.decoding import find_images, read_image
from core.leaks.fingerprint import Fingerprint, fingerprint
from core.leaks.grouping import group_numbers, group_prints

SETS = {"bccd": "bccd/images", "pbc": "pbc"}
UNSEEN = {"lisc": "lisc", "jtsc": "jtsc/images"}  # no setting was chosen on them


@dataclass(frozen=True)
class Case:
    """Images to group: the photograph that each was made from, how, and of which set."""

    prints: list[Fingerprint]
    source: NDArray[np.int64]
    kinds: list[str]
    sets: list[str]


@reports_bad_input
def leaks(
    data: Annotated[Path, typer.Option("--data", envvar="LEUKOLENS_DATA", help="Folder that holds the data sets.")],
    half: Annotated[
        Literal["tune", "report"], typer.Option("--half", help="tune or report: which photographs.")
    ] = "report",
    photographs: Annotated[int, typer.Option("--photographs", help="Of each of the two sets.")] = 150,
    copies: Annotated[int, typer.Option("--copies", help="Of each photograph.")] = 6,
    strangers: Annotated[int, typer.Option("--strangers", help="Single cells of the second set among them.")] = 1000,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="LISC and JTSC, on which nothing was chosen, in place of BCCD and PBC.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Precision and recall over pairs of images, and recall for each kind of copy against its original."""
    started = time.monotonic()
    case = make_case(data, UNSEEN if unseen else SETS, half, photographs, copies, strangers, seed)
    made = time.monotonic()
    say(f"{len(case.prints)} images made and described in {made - started:.0f} s")
    groups = group_prints(case.prints, say)
    document = figures(case, groups) | {"half": half, "seconds_to_group": round(time.monotonic() - made, 1)}
    lines = [f"{name}: {value}" for name, value in document.items() if name != "kinds"]
    lines += [f"| {kind} | {' | '.join(map(str, row))} |" for kind, row in document["kinds"].items()]
    emit(document, lines, as_json)


def make_case(
    data: Path, sets: dict[str, str], half: str, photographs: int, copies: int, strangers: int, seed: int
) -> Case:
    """Draw photographs of one half of each set, their copies, and strangers of the same half of the last set."""
    random = np.random.default_rng(seed)
    case = Case([], np.zeros(0, np.int64), [], [])
    source: list[int] = []

    def add(rgb: Picture, number: int, kind: str, name: str) -> None:
        case.prints.append(fingerprint(rgb))
        case.kinds.append(kind)
        case.sets.append(name)
        source.append(number)

    number = 0
    for name, place in sets.items():
        files = find_images([data / place])[(0 if half == "tune" else 1) :: 2]
        drawn = random.permutation(len(files))
        for index in drawn[:photographs]:
            rgb = read_image(files[index]).rgb
            add(rgb, number, "original", name)
            for kind in random.choice(list(COPIES), copies, replace=False):
                add(np.ascontiguousarray(COPIES[kind](rgb, random)), number, str(kind), name)
            number += 1
        if name == list(sets)[-1]:
            for index in drawn[photographs : photographs + strangers]:
                add(read_image(files[index]).rgb, number, "stranger", name)
                number += 1
    return Case(case.prints, np.array(source), case.kinds, case.sets)


def figures(case: Case, groups: NDArray[np.int64]) -> dict[str, Any]:
    """Pair-level figures of the groups; `kinds` has the share of copies joined to their original, a set a column."""
    truth = _twins_joined(case)
    found, real, both = (_pairs(labels) for labels in (groups, truth, groups * (truth.max() + 1) + truth))
    original = {
        int(number): int(group)
        for number, group, kind in zip(case.source, groups, case.kinds, strict=True)
        if kind in ("original", "stranger")
    }
    kinds: dict[str, list[str]] = {}
    for kind in COPIES:
        row = []
        for name in dict.fromkeys(case.sets):
            hits = [
                original[int(number)] == group
                for number, group, own, place in zip(case.source, groups, case.kinds, case.sets, strict=True)
                if own == kind and place == name
            ]
            row.append(f"{sum(hits)}/{len(hits)}")
        kinds[kind] = row
    return {
        "images": len(case.prints),
        "photographs": int(truth.max()) + 1,
        "identical_originals": int(case.source.max() - truth.max()),
        "precision": both / found if found else 1.0,
        "recall": both / real if real else 1.0,
        "wrong_pairs": found - both,
        "missed_pairs": real - both,
        "kinds": kinds,
    }


def _twins_joined(case: Case) -> NDArray[np.int64]:
    """The photograph of each image; originals whose pixels are equal, as some of PBC's, are one."""
    photographs, seen = DisjointSet(range(int(case.source.max()) + 1)), dict[bytes, int]()
    for image, number, kind in zip(case.prints, case.source.tolist(), case.kinds, strict=True):
        if kind in ("original", "stranger"):
            photographs.merge(seen.setdefault(image.pixels, number), number)
    return group_numbers(photographs)[case.source]


def _pairs(labels: NDArray[np.int64]) -> int:
    """The number of pairs with the same label."""
    counts = np.unique(labels, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())
