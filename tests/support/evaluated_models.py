"""Model folders with made-up answers and curves, for the Evaluate page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from core.simulation import draw_cell
from tests.support.answers import made_up, write_answers
from tests.support.tiny_models import make_model

HISTORY = "epoch,train_loss,val_accuracy,seconds\n0,1.2,0.5,10\n1,0.9,0.75,12\n"


def make_answered(root: Path, name: str, seed: int = 0, **card: object) -> Path:
    """A model folder with 300 answers and two epochs."""
    make_model(root, name, seed, card)
    write_answers(root / name, made_up(300, skill=2.5, seed=seed))
    (root / name / "history.csv").write_text(HISTORY)
    return root / name


def make_images(root: Path, count: int = 300) -> None:
    """The images that the answers of seed 0 speak of, drawn small: `<class>/<number>.png`."""
    for number, image in enumerate(made_up(count, skill=2.5, seed=0).images):
        label = image.split("/")[0]
        (root / label).mkdir(parents=True, exist_ok=True)
        if number < 40:
            Image.fromarray(draw_cell(label, number, size=64).image).save(root / image)
        else:
            Image.fromarray(np.full((32, 32, 3), number % 256, dtype=np.uint8)).save(root / image)
