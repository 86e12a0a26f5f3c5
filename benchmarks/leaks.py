"""Leak detection: which copies of photographs and cells are found, and what is joined wrongly.

`python -m benchmarks leaks --data DIR [--half tune|report] [--unseen] [--json]`. Copies and their kinds are drawn from
a seed; each photograph gives its original and some copies of different kinds, and single cells stand among them.
Settings were chosen on images of BCCD, PBC and Kaggle; `--unseen` takes LISC and JTSC, on which nothing was chosen.
Changes to copies come first, each on its own `(rgb, generator) -> rgb`, then the measurement.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.hierarchy import DisjointSet

from core.cli.common import emit, reports_bad_input, say
from core.decoding import find_images, read_image
from core.leaks.fingerprint import Fingerprint, fingerprint
from core.leaks.grouping import group_fingerprints, group_numbers

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]

# optical densities of three dyes, rows of unit length (Ruifrok and Johnston 2001)
DYES = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])

BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE, "reflected": cv2.BORDER_REFLECT}
SETS = {"bccd": "bccd/images", "pbc": "pbc"}
UNSEEN = {"lisc": "lisc", "jtsc": "jtsc/images"}  # no setting was chosen on them


def turned(rgb: Picture, border: str, random: np.random.Generator) -> Picture:
    """Turned by any angle, the corners filled."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), random.uniform(0, 360), 1)
    return _bytes(cv2.warpAffine(rgb, matrix, (width, height), borderMode=BORDERS[border]))


def sheared(rgb: Picture, random: np.random.Generator) -> Picture:
    """Sheared by up to 0.15 and shifted by up to a tenth."""
    height, width = rgb.shape[:2]
    bend, shift = random.uniform(-0.15, 0.15, 2), random.uniform(-0.1, 0.1, 2) * (width, height)
    return _bytes(cv2.warpAffine(rgb, np.array([[1, bend[0], shift[0]], [bend[1], 1, shift[1]]]), (width, height)))


def cropped(rgb: Picture, side: float, random: np.random.Generator) -> Picture:
    """A part of `side` of the height and the width, anywhere."""
    height, width = (round(length * side) for length in rgb.shape[:2])
    top, left = random.integers(rgb.shape[0] - height + 1), random.integers(rgb.shape[1] - width + 1)
    return rgb[top : top + height, left : left + width].copy()


def scaled(rgb: Picture, factor: float) -> Picture:
    """Reduced or enlarged."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return _bytes(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=method))


def hue_turned(rgb: Picture, random: np.random.Generator) -> Picture:
    """Any hue."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] = ((hsv[..., 0].astype(int) + random.integers(256)) % 256).astype(np.uint8)
    return _bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL))


def restained(rgb: Picture, strength: float, random: np.random.Generator) -> Picture:
    """Each dye's density stretched and shifted."""
    densities = -np.log((rgb.astype(float) + 1) / 256) @ np.linalg.inv(DYES)
    densities = densities * (1 + strength * random.uniform(-1, 1, 3)) + strength * 0.1 * random.uniform(-1, 1, 3)
    return _bytes(256 * np.exp(-densities @ DYES) - 1)


def toned(rgb: Picture, random: np.random.Generator) -> Picture:
    """Brightness, contrast and gamma."""
    curve = (rgb / 255.0) ** random.uniform(0.6, 1.7) * random.uniform(0.6, 1.2)
    return _bytes(255 * ((curve - 0.5) * random.uniform(0.6, 1.4) + 0.5))


def grey(rgb: Picture) -> Picture:
    """Without colour."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


def compressed(rgb: Picture, quality: int) -> Picture:
    """As a JPEG file of this quality gives it back."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def _mild(rgb: Picture, random: np.random.Generator) -> Picture:
    copy = scaled(cropped(turned(rgb[:, ::-1].copy(), "black", random), 0.8, random), random.uniform(0.7, 1.3))
    return compressed(restained(copy, 0.2, random), 75)


def _strong(rgb: Picture, random: np.random.Generator) -> Picture:
    copy = scaled(cropped(turned(rgb[:, ::-1].copy(), "edge", random), 0.65, random), random.uniform(0.6, 1.5))
    return compressed(toned(hue_turned(copy, random), random), 40)


def _bytes(values: NDArray[np.generic]) -> Picture:
    return np.clip(np.rint(np.asarray(values, dtype=np.float64)), 0, 255).astype(np.uint8)


COPIES: dict[str, Change] = {
    "same pixels": lambda rgb, random: rgb,
    "flipped": lambda rgb, random: rgb[:, ::-1].copy(),
    "quarter turn": lambda rgb, random: np.rot90(rgb, int(random.integers(1, 4))).copy(),
    "turned, corners black": lambda rgb, random: turned(rgb, "black", random),
    "turned, corners from the edge": lambda rgb, random: turned(rgb, "edge", random),
    "turned, corners reflected": lambda rgb, random: turned(rgb, "reflected", random),
    "sheared and shifted": sheared,
    "cropped to 0.8": lambda rgb, random: cropped(rgb, 0.8, random),
    "cropped to 0.6": lambda rgb, random: cropped(rgb, 0.6, random),
    "cropped to 0.45": lambda rgb, random: cropped(rgb, 0.45, random),
    "scaled by 0.35": lambda rgb, random: scaled(rgb, 0.35),
    "scaled by 0.6": lambda rgb, random: scaled(rgb, 0.6),
    "scaled by 1.7": lambda rgb, random: scaled(rgb, 1.7),
    "hue turned": hue_turned,
    "stain changed by 0.4": lambda rgb, random: restained(rgb, 0.4, random),
    "tone changed": toned,
    "grey": lambda rgb, random: grey(rgb),
    "JPEG 50": lambda rgb, random: compressed(rgb, 50),
    "JPEG 20": lambda rgb, random: compressed(rgb, 20),
    "noise 10": lambda rgb, random: _bytes(rgb + random.normal(0, 10, rgb.shape)),
    "blurred 1.5 px": lambda rgb, random: _bytes(cv2.GaussianBlur(rgb, (0, 0), 1.5)),
    "combined, mild": _mild,
    "combined, strong": _strong,
}


@dataclass(frozen=True)
class LeakCase:
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
    groups = group_fingerprints(case.prints, say)
    document = pair_figures(case, groups) | {"half": half, "seconds_to_group": round(time.monotonic() - made, 1)}
    lines = [f"{name}: {value}" for name, value in document.items() if name != "kinds"]
    lines += [f"| {kind} | {' | '.join(map(str, row))} |" for kind, row in document["kinds"].items()]
    emit(document, lines, as_json)


def make_case(
    data: Path, sets: dict[str, str], half: str, photographs: int, copies: int, strangers: int, seed: int
) -> LeakCase:
    """Draw photographs of one half of each set, their copies, and strangers of the same half of the last set."""
    random = np.random.default_rng(seed)
    case = LeakCase([], np.zeros(0, np.int64), [], [])
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
    return LeakCase(case.prints, np.array(source), case.kinds, case.sets)


def pair_figures(case: LeakCase, groups: NDArray[np.int64]) -> dict[str, Any]:
    """Pair-level figures of the groups; `kinds` has the share of copies joined to their original, a set a column."""
    truth = _copies_joined(case)
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


def _copies_joined(case: LeakCase) -> NDArray[np.int64]:
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
