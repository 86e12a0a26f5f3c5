"""Where the real cells lie and what is known of them: boxes, masks, splits. Read only, never copied."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from core.decoding import read_image

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class Photograph:
    """A BCCD photograph: `rgb` `(480, 640, 3) uint8` and the annotated WBC boxes (left, top, right, bottom)."""

    name: str
    rgb: NDArray[np.uint8]
    white_cells: tuple[Corners, ...]


def bccd_photographs(data: Path) -> list[Photograph]:
    """All annotated BCCD photographs under `data`, in the order of their names."""
    return [_photograph(data, path) for path in sorted((data / "bccd" / "annotations").glob("*.xml"))]


def _photograph(data: Path, annotation: Path) -> Photograph:
    boxes: list[Corners] = []
    for cell in ElementTree.parse(annotation).getroot().iter("object"):
        if cell.findtext("name") == "WBC":
            left, top, right, bottom = (
                int(cell.findtext(f"bndbox/{edge}") or 0) for edge in ("xmin", "ymin", "xmax", "ymax")
            )
            boxes.append((left, top, right, bottom))
    rgb = read_image(data / "bccd" / "images" / f"{annotation.stem}.jpg").rgb
    return Photograph(annotation.stem, rgb, tuple(boxes))


def empty_crops(fields: list[Photograph], count: int, seed: int) -> list[NDArray[np.uint8]]:
    """Random square crops of 150 to 240 px that overlap no annotated WBC box, each `(side, side, 3) uint8`."""
    generator = np.random.default_rng(seed)
    crops: list[NDArray[np.uint8]] = []
    while len(crops) < count:
        field = fields[generator.integers(len(fields))]
        height, width = field.rgb.shape[:2]
        side = int(generator.integers(150, 241))
        x, y = int(generator.integers(width - side + 1)), int(generator.integers(height - side + 1))
        if not any(
            left < x + side and x < right and top < y + side and y < bottom
            for left, top, right, bottom in field.white_cells
        ):
            crops.append(field.rgb[y : y + side, x : x + side])
    return crops


def images_of_half(data: Path, source: str, half: str) -> list[Path]:
    """The images of `source` ("lisc" or "jtsc") in `half` ("development" or "report")."""
    with (data / "unseen_stains.csv").open(encoding="utf-8", newline="") as table:
        rows = [row["path"] for row in csv.DictReader(table) if row["half"] == half]
    return [data / path for path in rows if path.startswith(f"{source}/")]


def pbc_training(data: Path, count: int, seed: int) -> list[Path]:
    """A random sample of PBC's training split."""
    with (data / "pbc" / "attributes.csv").open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "train"]
    drawn = np.random.default_rng(seed).choice(len(rows), size=min(count, len(rows)), replace=False)
    return [data / "pbc" / rows[i]["label"].lower() / rows[i]["img_name"] for i in sorted(drawn)]


def jtsc_mask(image: Path) -> NDArray[np.uint8]:
    """The mask beside a JTSC image, `(H, W) uint8`: 0 background, 128 cytoplasm, 255 nucleus."""
    mask = cv2.imread(str(image.parents[1] / "masks" / image.name), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise FileNotFoundError(f"no mask for {image.name}")
    return np.asarray(mask, dtype=np.uint8)
