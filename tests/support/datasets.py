"""Made-up images and trees of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from core.simulation import draw_cell


def noise(path: Path, seed: int = 0, size: tuple[int, int] = (24, 24)) -> Path:
    """Write a small picture of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def cell(path: Path, seed: int = 0, label: str = "monocyte", size: int = 100) -> Path:
    """Write a simulated cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_cell(label, seed, size=size).image).save(path)
    return path


def tree(root: Path, counts: Mapping[str, int]) -> Path:
    """Write `counts` pictures into each folder below `root`."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noise(root / folder / f"{number}.png", number)
    return root


def annotation(path: Path, boxes: list[tuple[str, tuple[int, int, int, int]]]) -> Path:
    """Write a VOC annotation with named boxes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box in boxes
    )
    path.write_text(f"<annotation><filename>{path.stem}.jpg</filename>{objects}</annotation>")
    return path
