"""Kept arrays are keyed by numbers that are raised by hand; here is what tells when that was forgotten.

Each picture is reduced to a dozen sums of all its pixels with random signs, over the root of their number: between two
pictures these differ by about the root mean square of what differs in a pixel (Johnson and Lindenstrauss 1984). So a
change of the framing shows, and a pixel here and there that another processor rounds otherwise does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import core.data.framed_images as module
from core.data.framed_images import DRAWING_FORMAT, FRAMING_FORMAT, frame_simulated, frame_table
from core.data.loading import SIDE, framed, read_boxed
from core.data.readers import as_table
from core.preprocessing.framing import FRAMINGS
from core.simulation import draw_cell
from tests.support.datasets import cell

CELLS = (("neutrophil", 2), ("basophil", 4))  # far from where rounding would tip a threshold
OF_PAPER = (("neutrophil", 2), ("basophil", 0))  # the paper's bounds find no cell in most simulated smears
MOST_APART = 0.3  # grey levels; 0.04 between processors with and without vector instructions
SUMS = 12

KNOWN_DRAWN: dict[int, dict[str, str]] = {
    1: {
        "neutrophil 2": "-165.4 292.8 -245.1 -265.2 256.3 507.4 57.6 125.9 -178.5 77.3 -123.7 361.4",
        "basophil 4": "-158.7 293.8 -57.1 -180.6 162.9 320.6 17.8 176.5 -130.0 165.3 -79.1 289.0",
        "basophil 0": "-76.5 343.7 -141.8 -221.8 239.4 460.6 67.2 169.6 -118.7 148.3 -108.6 229.4",
    },
}  # by DRAWING_FORMAT
KNOWN_FRAMED: dict[int, dict[str, str]] = {
    1: {
        "cell, neutrophil 2": "330.4 -268.0 -344.3 76.8 -369.0 81.1 -169.1 257.7 420.2 146.7 -125.3 -93.6",
        "cell, basophil 4": "241.1 -200.5 -263.1 40.9 -395.1 192.3 -58.2 202.7 270.4 169.8 -56.3 -20.9",
        "frame, neutrophil 2": "286.3 -186.4 -364.3 157.3 -469.3 55.0 -107.3 170.2 213.3 288.0 -94.9 -310.2",
        "frame, basophil 4": "175.9 -123.8 -272.9 190.7 -451.2 135.9 6.0 88.1 152.0 210.6 -72.3 -185.4",
        "masked, neutrophil 2": "164.9 -25.8 -232.6 134.7 -176.0 5.2 0.9 23.6 69.8 218.6 2.4 -194.1",
        "masked, basophil 4": "35.7 39.1 -144.3 199.2 -81.4 -81.9 90.8 -59.1 -120.0 130.6 -59.6 -181.0",
        "islam, neutrophil 2": "286.3 -186.4 -364.3 157.3 -469.3 55.0 -107.3 170.2 213.3 288.0 -94.9 -310.2",
        "islam, basophil 0": "93.7 -8.4 -219.7 116.4 -152.1 49.9 11.9 -31.5 -54.9 163.4 -25.1 -272.1",
        "box": "-514.8 -79.3 -188.5 -75.3 -136.3 -41.0 48.1 -197.6 80.0 -242.9 -19.0 326.6",
    },
    2: {
        "cell, neutrophil 2": "330.4 -268.0 -344.3 76.8 -369.0 81.1 -169.1 257.7 420.2 146.7 -125.3 -93.6",
        "cell, basophil 4": "241.1 -200.5 -263.1 40.9 -395.1 192.3 -58.2 202.7 270.4 169.8 -56.3 -20.9",
        "frame, neutrophil 2": "286.3 -186.4 -364.3 157.3 -469.3 55.0 -107.3 170.2 213.3 288.0 -94.9 -310.2",
        "frame, basophil 4": "175.9 -123.8 -272.9 190.7 -451.2 135.9 6.0 88.1 152.0 210.6 -72.3 -185.4",
        "masked, neutrophil 2": "164.9 -25.8 -232.6 134.7 -176.0 5.2 0.9 23.6 69.8 218.6 2.4 -194.1",
        "masked, basophil 4": "35.7 39.1 -144.3 199.2 -81.4 -81.9 90.8 -59.1 -120.0 130.6 -59.6 -181.0",
        "islam, neutrophil 2": "286.3 -186.4 -364.3 157.3 -469.3 55.0 -107.3 170.2 213.3 288.0 -94.9 -310.2",
        "islam, basophil 0": "93.7 -8.4 -219.7 116.4 -152.1 49.9 11.9 -31.5 -54.9 163.4 -25.1 -272.1",
        "box": "-514.8 -79.3 -188.5 -75.3 -136.3 -41.0 48.1 -197.6 80.0 -242.9 -19.0 326.6",
    },
}  # by FRAMING_FORMAT


def projection(image: NDArray[np.uint8]) -> list[float]:
    """Sums of the pixels with signs that depend on the image's size alone; the generator's bits never change."""
    words = np.random.PCG64(image.size).random_raw(-(-image.size * SUMS // 64))
    signs = np.unpackbits(words.astype("<u8").view(np.uint8))[: image.size * SUMS].reshape(SUMS, -1).astype(np.int64)
    sums = (2 * signs - 1) @ image.reshape(-1).astype(np.int64)
    return [round(float(value), 1) for value in sums / np.sqrt(image.size)]


def apart(found: list[float], known: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(np.subtract(found, known)))))


def check(name: str, number: int, found: dict[str, list[float]], known: dict[int, dict[str, str]]) -> None:
    """Fail where what is found is not what is known of the format's number."""
    of_number = {key: [float(value) for value in sums.split()] for key, sums in known.get(number, {}).items()}
    stale = [key for key, sums in found.items() if key not in of_number or apart(sums, of_number[key]) > MOST_APART]
    written = {key: " ".join(map(str, sums)) for key, sums in found.items()}
    assert not stale, (
        f"{name} is {number}, and these are not its pixels: {', '.join(stale)}. Kept copies would be read as if they "
        f"were. If the change is meant, raise {name} and keep what is found beside the new number: {written}"
    )


def test_cells_drawn_otherwise_need_another_number() -> None:
    cells = dict.fromkeys((*CELLS, *OF_PAPER))
    found = {f"{label} {seed}": projection(draw_cell(label, seed).image) for label, seed in cells}
    check("DRAWING_FORMAT", DRAWING_FORMAT, found, KNOWN_DRAWN)


def test_pixels_framed_otherwise_need_another_number(tmp_path: Path) -> None:
    found = {}
    for framing in FRAMINGS:
        for label, seed in OF_PAPER if framing == "islam" else CELLS:
            view = framed(draw_cell(label, seed).image, framing, SIDE)
            found[f"{framing}, {label} {seed}"] = projection(np.dstack([view.rgb, view.reach]))
    Image.fromarray(draw_cell(*CELLS[0]).image).save(tmp_path / "cell.png")
    found["box"] = projection(read_boxed(tmp_path / "cell.png", "60,70,130,120"))
    check("FRAMING_FORMAT", FRAMING_FORMAT, found, KNOWN_FRAMED)


@pytest.mark.parametrize("change", [lambda image: image + (image < 255), lambda image: np.roll(image, 1, axis=1)])
def test_a_level_more_and_a_shift_by_a_pixel_show(change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
    image = draw_cell(*CELLS[0]).image
    assert apart(projection(change(image)), projection(image)) > MOST_APART
    flipped = image.copy()
    flipped[::10, ::10] ^= 1  # one pixel of a hundred rounded otherwise
    assert apart(projection(flipped), projection(image)) < MOST_APART / 2


@pytest.mark.parametrize("name", ["FRAMING_FORMAT", "DRAWING_FORMAT"])
def test_a_raised_number_makes_the_copies_anew(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell(tmp_path / "0.png", 0)
    table, told = as_table([(str(tmp_path / "0.png"), "monocyte", "all", "")]), list[str]()

    def packs() -> list[str]:
        of_files = frame_table(table, "cell", tmp_path / "cache", told.append, side=24)
        of_cells = frame_simulated(1, 0, "cell", tmp_path / "cache", told.append, side=24)
        return [of_files.fingerprint, of_cells.fingerprint]

    first = packs()
    assert packs() == first and len(told) == 2
    monkeypatch.setattr(module, name, 10**6)
    assert [one != other for one, other in zip(packs(), first, strict=True)] == [name == "FRAMING_FORMAT", True]
    monkeypatch.undo()
    assert packs() == first and len(told) == (4 if name == "FRAMING_FORMAT" else 3)
