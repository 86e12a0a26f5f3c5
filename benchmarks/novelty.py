"""What share of pictures the models call unfamiliar: known cells, other cells, photographs, fields, noise.

`python -m benchmarks.novelty --data DIR [--checkpoints DIR] [--json]`. The photographs are those that scikit-image
carries; other cells are PBC's erythroblasts, immature granulocytes and platelets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from skimage import color, data

from core.cli.common import emit, say
from core.data.datasets import read_data
from core.decoding import find_images, read_image
from core.models.checkpoints import available, default_root, load_classifier
from core.models.consensus import unfamiliar_sentence
from core.preprocessing.framing import frame_image
from core.simulation import draw_field

PHOTOGRAPHS = (
    "astronaut",
    "cat",
    "coffee",
    "rocket",
    "camera",
    "coins",
    "page",
    "text",
    "clock",
    "moon",
    "brick",
    "grass",
)
Pictures = list[NDArray[np.uint8]]


def other_photographs() -> Pictures:
    """Photographs of other things, RGB uint8."""
    found = []
    for name in PHOTOGRAPHS:
        try:
            image = getattr(data, name)()
        except Exception as error:  # not every release carries every picture
            say(f"left out {name}: {type(error).__name__}")
            continue
        found.append(np.asarray(color.gray2rgb(image) if image.ndim == 2 else image[..., :3], dtype=np.uint8))
    return found


def sets(root: Path, limit: int) -> dict[str, Pictures]:
    """The pictures of each set, `limit` at most."""
    table = read_data(root, "pbc").split("test").iloc[:: max(1, 2099 // limit)]
    known = {"PBC test split": [read_image(Path(path)).rgb for path in table["path"]]}
    for name in ("lisc", "jtsc"):
        paths = read_data(root, name).split("development")["path"]
        known[f"{name.upper()} development half"] = [read_image(Path(path)).rgb for path in paths]
    for folder in sorted((root / "pbc_other_cells").iterdir()):
        if folder.is_dir():
            known[f"PBC {folder.name}"] = [read_image(path).rgb for path in find_images([folder])]
    random = np.random.default_rng(0)
    known["photographs"] = other_photographs()
    known["simulated fields"] = [draw_field(seed) for seed in range(30)]
    known["noise"] = [random.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(20)]
    return known


def novelty(
    root: Annotated[Path, typer.Option("--data", envvar="LEUKOLENS_DATA")],
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints")] = None,
    limit: Annotated[int, typer.Option(help="Pictures of the test split.")] = 300,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Share called unfamiliar by each model, and by the sentence that the page shows."""
    place = checkpoints or default_root()
    classifiers = [load_classifier(place / name) for name in available(place)]
    rows: list[dict[str, Any]] = []
    for title, pictures in sets(root, limit).items():
        answers = [
            classifier.predict([frame_image(rgb, classifier.card.framing).rgb for rgb in pictures])
            for classifier in classifiers
        ]
        row: dict[str, Any] = {"set": title, "pictures": len(pictures)}
        for classifier, given in zip(classifiers, answers, strict=True):
            row[classifier.name] = round(float(np.mean([answer.unfamiliar for answer in given])), 3)
        told = [unfamiliar_sentence(answer) is not None for answer in zip(*answers, strict=True)]
        rows.append(row | {"sentence": round(float(np.mean(told)), 3)})
        say(str(rows[-1]))
    emit(rows, [str(row) for row in rows], as_json)


if __name__ == "__main__":
    typer.run(novelty)
