"""What the network that finds white cells learns from: photographs and crops with boxes, and the squares of each that
it is asked about, drawn anew every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.data.known_sets import READERS
from core.data.readers import read_boxes
from core.decoding import read_image
from core.errors import InputError
from core.fields.detection import PROMISING, ask_finder, candidate_squares
from core.fields.finder import CellFinder, Squares, boxes_of, cut_squares, squares_of
from core.preprocessing.pipeline import reduced
from core.preprocessing.segmentation import WORKING_SIDE, find_nucleus, outline_cell
from core.simulation.crowd import SmearPlan, draw_smear, usual_labels

FIRST_SMEAR = 50_000  # seed of the first simulated photograph to learn from
HEIGHT, WIDTH = 480, 640  # px of simulated photographs
CENTRED, ALIKE = 0.3, 0.6  # offset in sides, and logarithm of the ratio of sides, up to which a square frames a cell
ASIDE, UNLIKE = 0.45, 0.85  # and from which on it does not; between them nothing is asked
JITTERED, OWN, OTHERS, ANYWHERE = 4, 4, 9, 2  # squares of a picture: about each cell, candidates on and off, at random
SCALES = (0.22, 1.0)  # to which a picture is reduced, so that small cells are known too
LEAST_DOUBT = 0.02  # weight of a square that no network doubts
LEAST_CELL = 22  # px of a cell's side that are left then


@dataclass(frozen=True)
class BoxedPicture:
    """A picture `(H, W, 3) uint8`, its white cells' boxes `(M, 4)`, its candidates `(N, 3)` and empty light `(3,)`.

    `complete` is False where only the cell in the middle is known: then nothing outside its box is asked about. Squares
    of no cell are asked about in proportion to `weights` `(N,)`, once a network has been in doubt over them.
    """

    rgb: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    candidates: Squares
    light: NDArray[np.float32]
    complete: bool
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Questions:
    """Patches `(N, 2, 48, 48, 3) uint8`, each one's empty light `(N, 3)`, and what is right: `(N, 5)`, 1 or 0, box."""

    patches: NDArray[np.uint8]
    light: NDArray[np.float32]
    right: NDArray[np.float32]


def for_choices(name: str) -> bool:
    """Whether a BCCD photograph is of the half that choices and training may look at: the even tens of its number."""
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits or 0) // 10 % 2 == 0


def bccd_boxes(data: Path, choices: bool) -> Iterator[tuple[Path, list[tuple[int, int, int, int]]]]:
    """Each annotated BCCD photograph below `data` of one half, in the order of names, with its white cells' boxes."""
    annotations = sorted((data / "bccd" / "annotations").glob("*.xml"))
    if not annotations:
        raise InputError(f"{data} holds no BCCD photographs (bccd/annotations/*.xml). Name their folder with --data.")
    for annotation in annotations:
        if for_choices(annotation.stem) == choices:
            yield data / "bccd" / "images" / f"{annotation.stem}.jpg", read_boxes(annotation, "WBC")


def picture_with(rgb: NDArray[np.uint8], boxes: NDArray[np.float64], complete: bool = True) -> BoxedPicture:
    """A picture with its boxes, and what the search for candidates makes of it."""
    candidates, light = candidate_squares(rgb)
    return BoxedPicture(rgb, boxes.reshape(-1, 4), candidates, light, complete)


def simulated_pictures(count: int, seed: int) -> Iterator[BoxedPicture]:
    """Simulated photographs with up to a dozen cells, some touching, some cut off; a few without any."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        cells = int(rng.integers(0, 13))
        pairs = int(rng.integers(0, cells // 2 + 1)) if rng.random() < 0.6 else 0
        even = rng.random() < 0.5
        labels = usual_labels(rng, cells) if even else tuple(str(name) for name in rng.choice(_CLASSES, size=cells))
        plan = SmearPlan(HEIGHT, WIDTH, labels, pairs, cut_off=0.2)
        smear = draw_smear(plan, FIRST_SMEAR + 100_000 * seed + number)
        yield picture_with(smear.image, np.array([cell.box for cell in smear.cells], dtype=np.float64))


_CLASSES = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")


def crop_pictures(data: Path, name: str, count: int, seed: int) -> Iterator[BoxedPicture]:
    """Up to `count` crops of the training split of a known set, drawn by `seed`; the cell's box is that of its outline
    as the preprocessing estimates it. Crops in which no nucleus is found are left out."""
    table = READERS[name](data / name).table
    paths = table[table["split"] == "train"]["path"].tolist()
    drawn = np.random.default_rng(seed).permutation(len(paths))[:count]
    for index in sorted(drawn):
        rgb = read_image(Path(paths[index])).rgb
        small = reduced(rgb, WORKING_SIDE)
        nucleus = find_nucleus(small)
        if nucleus is None:
            continue
        x, y, width, height = cv2.boundingRect(outline_cell(small, nucleus).astype(np.uint8))
        box = np.array([x, y, x + width, y + height]) * (rgb.shape[1] / small.shape[1])
        yield picture_with(rgb, box, complete=False)


def questions_of(picture: BoxedPicture, rng: np.random.Generator) -> Questions:
    """Squares of a picture, at a random scale: some that frame a cell, with its box, and some that do not."""
    sides = squares_of(picture.boxes)[:, 2] if len(picture.boxes) else np.array([100.0])
    least = min(1.0, max(SCALES[0], LEAST_CELL / float(np.median(sides))))
    scale = float(np.exp(rng.uniform(np.log(least), np.log(SCALES[1]))))
    rgb = picture.rgb
    if scale < 0.95:
        rgb = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ratio = rgb.shape[1] / picture.rgb.shape[1]
    squares = _asked(picture, rng)
    nearest, framing, beside = _compare(squares, picture.boxes)
    if not picture.complete:
        beside &= _inside(squares, picture.boxes)
    yes, no = np.flatnonzero(framing), np.flatnonzero(beside & ~framing)
    wanted = JITTERED * len(picture.boxes) + OWN
    chosen = np.concatenate([rng.permutation(yes)[:wanted], _drawn(picture, no, len(squares), rng)])
    right = np.zeros((len(chosen), 5), dtype=np.float32)
    right[:, 0] = framing[chosen]
    if len(picture.boxes):
        right[:, 1:] = offsets(squares[chosen], picture.boxes[nearest[chosen]])
    light = np.repeat(picture.light[None], len(chosen), axis=0)
    return Questions(cut_squares(rgb, squares[chosen] * ratio, picture.light), light, right)


def _drawn(picture: BoxedPicture, no: NDArray[np.int_], count: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """Some of the squares `no`, of `count` in all, that frame no cell: first those that a network took for one."""
    size = min(OTHERS + ANYWHERE, len(no))
    if picture.weights is None or not size:
        return rng.permutation(no)[:size]
    weights = np.full(count, LEAST_DOUBT)
    weights[-ANYWHERE - len(picture.candidates) : -ANYWHERE] += picture.weights
    return rng.choice(no, size=size, replace=False, p=weights[no] / weights[no].sum())


def doubted(picture: BoxedPicture, network: CellFinder) -> BoxedPicture:
    """The picture with, beside its candidates, the squares that the network's first look leads to, as a search has
    them; each weighs as much as the network takes it for a cell."""
    answers = ask_finder(network, picture.rgb, picture.candidates, picture.light)
    promising = expit(answers[:, 0]) > PROMISING
    second = squares_of(boxes_of(picture.candidates[promising], answers[promising]))
    again = ask_finder(network, picture.rgb, second, picture.light)
    return replace(
        picture,
        candidates=np.concatenate([picture.candidates, second]),
        weights=expit(np.concatenate([answers[:, 0], again[:, 0]])),
    )


def _asked(picture: BoxedPicture, rng: np.random.Generator) -> Squares:
    """Squares near the cells, at all candidates, and at random."""
    own = squares_of(picture.boxes)
    near = np.repeat(own, 2 * JITTERED, axis=0)
    narrow = np.where(rng.random((len(near), 1)) < 0.5, 0.4, 1.0)
    near[:, :2] += near[:, 2:] * narrow * rng.uniform(-CENTRED, CENTRED, (len(near), 2))
    near[:, 2:] *= np.exp(narrow * rng.uniform(-ALIKE, ALIKE, (len(near), 1)))
    typical = float(np.median(own[:, 2])) if len(own) else 0.25 * picture.rgb.shape[0]
    places = rng.uniform(0, 1, (ANYWHERE, 3))
    places[:, :2] *= picture.rgb.shape[1], picture.rgb.shape[0]
    places[:, 2] = typical * np.exp(rng.uniform(-0.9, 0.7, ANYWHERE))
    return np.concatenate([near, picture.candidates, places])


def _compare(squares: Squares, boxes: NDArray[np.float64]) -> tuple[NDArray[np.int_], NDArray, NDArray]:
    """The nearest box of each square, whether the square frames it, and whether it frames none at all."""
    if not len(boxes):
        none = np.zeros(len(squares), dtype=bool)
        return np.zeros(len(squares), dtype=int), none, ~none
    own = squares_of(boxes)
    aside = np.abs(squares[:, None, :2] - own[None, :, :2]).max(axis=2) / own[None, :, 2]  # (N, M)
    unlike = np.abs(np.log(squares[:, None, 2] / own[None, :, 2]))
    nearest = aside.argmin(axis=1)
    framing = ((aside <= CENTRED) & (unlike <= ALIKE))[np.arange(len(squares)), nearest]
    return nearest, framing, ((aside > ASIDE) | (unlike > UNLIKE)).all(axis=1)


def _inside(squares: Squares, boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a square's middle lies in the first box."""
    left, top, right, bottom = boxes[0]
    x, y = squares[:, 0], squares[:, 1]
    return np.asarray((x > left) & (x < right) & (y > top) & (y < bottom))


def offsets(squares: Squares, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the network should answer, `(N, 4)`, so that `boxes_of` gives `boxes` `(N, 4)`."""
    side = squares[:, 2:]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([(middle - squares[:, :2]) / side, np.log((boxes[:, 2:] - boxes[:, :2]) / side)], axis=1)


def gathered(parts: list[Questions]) -> Questions:
    """Several pictures' questions as one."""
    join: Callable[[list[NDArray]], NDArray] = np.concatenate
    return Questions(
        join([part.patches for part in parts]),
        join([part.light for part in parts]),
        join([part.right for part in parts]),
    )
