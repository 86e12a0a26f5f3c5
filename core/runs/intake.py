"""Taking a model from elsewhere into the folder of checkpoints: its card made or read, everything checked and tried on
simulated cells beside the checkpoints, and only then put among them under its name."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.methods.registry import METHODS
from core.files import read_plain, remove_partials, write_whole
from core.models.card import LARGEST_CARD, SCALINGS, ModelCard
from core.models.checkpoints import LARGEST_WEIGHTS, PROGRAM, WEIGHTS, load_classifier
from core.models.classifier import Classifier, Prediction
from core.models.onnx_program import ONNX, onnx_side, shares
from core.preprocessing.framing import frame_image
from core.simulation import draw_cell

CARD = "card.json"
BESIDES = ("history.csv", "predictions.parquet")  # taken along where they are there
PICKLED = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".pt2", ".ptl"}
KERAS = {".keras", ".h5", ".hdf5", ".pb", ".tflite"}
HOW_TO = "docs/how-to/own-model.md has the lines that export it."
SIDE = 224  # px, where nothing says another
SEED = 1  # of the simulated cells


@dataclass(frozen=True)
class NewCard:
    """What a first card says, as far as it is known: None is filled from the file or by a default.

    `scaling` is a name of SCALINGS.
    """

    architecture: str | None = None
    classes: tuple[str, ...] | None = None
    input_size: int | None = None
    framing: str | None = None
    scaling: str | None = None
    outputs: str | None = None
    title: str | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of what is told."""
        return tuple(name for name, value in vars(self).items() if value is not None)


@dataclass(frozen=True)
class Intake:
    """What came of it: the model at its place, its answers to `cells` (the class drawn, the answer), by method why it
    does not fit ("": it does), and what should be looked at.
    """

    classifier: Classifier
    folder: Path
    cells: tuple[tuple[str, Prediction], ...]
    methods: Mapping[str, str]
    remarks: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "model": self.classifier.name,
            "folder": str(self.folder),
            "card": self.classifier.card.model_dump(mode="json"),
            "cells": [
                {"drawn": drawn, "answer": told.predicted, "probability": round(told.confidence, 6)}
                for drawn, told in self.cells
            ],
            "methods": [{"method": name, "fits": not why, "reason": why} for name, why in self.methods.items()],
            "remarks": list(self.remarks),
        }


def weights_in(folder: Path) -> str:
    """The name of the file with the weights in a model's folder; InputError where there is none that can be taken."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. A model is a folder with {WEIGHTS} or {PROGRAM} in it.")
    there = [name for name in (WEIGHTS, PROGRAM) if os.path.lexists(folder / name)]
    if len(there) == 2:
        raise InputError(f"{folder.name} holds {WEIGHTS} and {PROGRAM}: leave one of them.")
    if there:
        return there[0]
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        if Path(name).suffix.lower() in PICKLED:
            raise InputError(
                f"{folder.name}/{name[:60]} is a pickle or holds one, which can run any code when it is read: it is "
                f"never opened. Save {WEIGHTS} or {PROGRAM} instead; {HOW_TO}"
            )
        if Path(name).suffix.lower() in KERAS:
            raise InputError(f"{folder.name}/{name[:60]} is not read: export it as {PROGRAM}. {HOW_TO}")
        if Path(name).suffix.lower() in {".onnx", ".safetensors"}:
            wanted = PROGRAM if name.lower().endswith(".onnx") else WEIGHTS
            raise InputError(f"{folder.name}/{name[:60]} must be called {wanted}.")
    raise InputError(f"{folder.name} holds neither {WEIGHTS} nor {PROGRAM}. {HOW_TO}")


def lacking(folder: Path, new: NewCard) -> tuple[str, ...]:
    """What must be told of a model whose folder has no card: of "architecture" and "classes" those still unknown."""
    if os.path.lexists(folder / CARD):
        return ()
    needed = ["classes"] if weights_in(folder) == PROGRAM else ["architecture", "classes"]
    return tuple(name for name in needed if getattr(new, name) is None)


def take_in(folder: Path, checkpoints: Path, name: str | None = None, new: NewCard | None = None) -> Intake:
    """Check the model in `folder` and copy it into `checkpoints` as `name` (by default the folder's); InputError says
    what is wrong with it, and nothing is left behind then.

    What is checked is the copy, so that nothing changes between check and use.
    """
    new = new or NewCard()
    chosen = _checked_name(folder.resolve().name if name is None else name, checkpoints, named=name is not None)
    file = weights_in(folder)
    if os.path.lexists(folder / CARD) and new.given:
        raise InputError(
            f"{folder.name} has a {CARD} already, which says {_words(new.given)}: change it there, or take it away."
        )
    missing = lacking(folder, new)
    if missing:
        raise InputError(f"{folder.name} has no {CARD}: say its {_words(missing)} ({_options(missing)}).")
    with _beside(checkpoints, chosen) as made:
        _copied(folder, made, file, new)
        fresh = not os.path.lexists(folder / CARD)
        classifier, cells = _tried(made, guess=fresh and file == PROGRAM and new.outputs is None)
        try:
            made.rename(checkpoints / chosen)
        except OSError as error:
            raise InputError(f"The model could not be put into {checkpoints}: {error.strerror or error}.") from error
    return Intake(
        classifier,
        checkpoints / chosen,
        cells,
        {key: kind.unfit(classifier) for key, kind in METHODS.items()},
        _remarks(classifier, [answer for _, answer in cells]),
    )


def _words(names: Sequence[str]) -> str:
    return " and ".join(name.replace("_", " ") for name in names)


def _options(names: Sequence[str]) -> str:
    return ", ".join("--" + {"input_size": "size"}.get(name, name) for name in names)


def _checked_name(name: str, checkpoints: Path, named: bool) -> str:
    if not re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,63}", name):
        how = "give" if named else "give another by --name:"
        raise InputError(
            f"{name[:64]!r} is no name for a model: {how} up to 64 lower-case letters, digits, _, . and -, "
            "the first no dot."
        )
    if os.path.lexists(checkpoints / name):
        raise InputError(f"There is a model {name!r} in {checkpoints} already: give another name by --name.")
    return name


@contextmanager
def _beside(checkpoints: Path, name: str) -> Iterator[Path]:
    """A folder called `name`, out of the sight of those who list the checkpoints; it goes, whatever happens."""
    partial = checkpoints / f".{name}.{os.getpid()}.partial"
    try:
        remove_partials(checkpoints)
        (partial / name).mkdir(parents=True)
        yield partial / name
    except OSError as error:
        raise InputError(f"The model could not be copied into {checkpoints}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copied(folder: Path, made: Path, file: str, new: NewCard) -> None:
    """Copy what belongs to a model, each file whole and within its bound; a first card where there is none."""
    data = _bytes(folder / file, LARGEST_WEIGHTS)
    write_whole(made / file, data)
    if os.path.lexists(folder / CARD):
        write_whole(made / CARD, _bytes(folder / CARD, LARGEST_CARD))
    else:
        card = first_card(made.name, file, data, new)
        write_whole(made / CARD, card.model_dump_json(indent=2).encode())
    for besides in BESIDES:
        if os.path.lexists(folder / besides):
            write_whole(made / besides, _bytes(folder / besides, LARGEST_WEIGHTS))


def _bytes(path: Path, most: int) -> bytes:
    try:
        return read_plain(path, most)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path.parent.name}/{path.name} cannot be taken: {reason}.") from error


def first_card(name: str, file: str, data: bytes, new: NewCard) -> ModelCard:
    """The card of a model that brings none; InputError where what was told makes no card."""
    if new.scaling is not None and new.scaling not in SCALINGS:
        raise InputError(f"No scaling {new.scaling[:40]!r}. Known: {', '.join(SCALINGS)}.")
    if file == PROGRAM and new.architecture not in (None, ONNX):
        raise InputError(f"{PROGRAM} is a whole network: leave --architecture out.")
    fields = {
        "name": name,
        "title": new.title or name,
        "architecture": ONNX if file == PROGRAM else new.architecture,
        "classes": new.classes,
        "input_size": new.input_size or (onnx_side(data) if file == PROGRAM else None) or SIDE,
        "framing": new.framing or "cell",
        "scaling": SCALINGS[new.scaling or "picture"],
        "outputs": new.outputs or "logits",
        "parameters": _parameters(file, data),
        "weights_mb": max(round(len(data) / 1e6, 2), 0.01),
        "weights_sha256": hashlib.sha256(data).hexdigest(),
        "temperature": 1.0,
        "limits": ("Brought from elsewhere: nothing is known of its training and its tests",),
    }
    try:
        return ModelCard.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise InputError(f"What was told makes no card: {where.replace('_', ' ')}: {first['msg'].lower()}.") from error


def _parameters(file: str, data: bytes) -> int:
    """How many numbers the network has learnt; of a program, what its size stands for in float32."""
    if file == PROGRAM:
        return max(1, len(data) // 4)
    try:
        return max(1, sum(value.numel() for key, value in load(data).items() if value.is_floating_point()))
    except SafetensorError as error:
        raise InputError(f"{WEIGHTS} is damaged or no safetensors file.") from error


def _tried(made: Path, guess: bool) -> tuple[Classifier, tuple[tuple[str, Prediction], ...]]:
    """The model in `made`, and its answers to a simulated cell of each class.

    `guess`: nobody said what its outputs are, so that the card is changed where they are probabilities.
    """
    classifier, answers = _asked(made)
    raw = np.stack([answer.logits for answer in answers])
    if classifier.card.outputs == "probabilities" and not shares(np.exp(raw)):
        raise InputError(f"{made.name}: the card says that outputs are probabilities, and they do not add up to 1.")
    if guess and shares(raw):
        changed = classifier.card.model_copy(update={"outputs": "probabilities"})
        write_whole(made / CARD, changed.model_dump_json(indent=2).encode())
        classifier, answers = _asked(made)
    return classifier, tuple(zip(CLASSES, answers, strict=True))


def _asked(made: Path) -> tuple[Classifier, list[Prediction]]:
    classifier = load_classifier(made)
    drawn = [frame_image(draw_cell(label, SEED).image, classifier.card.framing).rgb for label in CLASSES]
    return classifier, classifier.predict(drawn)


def _remarks(classifier: Classifier, answers: Sequence[Prediction]) -> tuple[str, ...]:
    """What the answers to the simulated cells give reason to look at."""
    raw, found = np.stack([answer.logits for answer in answers]), []
    if classifier.card.outputs == "logits" and shares(raw):
        found.append("Its outputs look like probabilities, and its card calls them logits: look at `outputs`.")
    if np.allclose(raw, raw[:1], atol=1e-4):
        found.append("It gives all simulated cells the same answer: look at `scaling` and `input_size`.")
    return tuple(found)
