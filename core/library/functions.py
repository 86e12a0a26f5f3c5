"""The four functions of `from core import load, predict, explain, preprocess`: a model is loaded once, then asked about
pictures. Whatever cannot be used is an `InputError` (`core.errors`), whose message says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from core.decoding import decode, read_image
from core.decoding.formats import check_size
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_classes, checked_precision, explanation_of, start
from core.library.results import (
    CellExplanation,
    CellPrediction,
    PreprocessedCell,
    explanation_with,
    prediction_with,
    preprocessed_with,
)
from core.models.checkpoints import find, load_classifier
from core.models.classifier import Classifier
from core.models.devices import chosen_device
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.framing import frame_image, framing_warning
from core.preprocessing.parameters import CellParameters, preset_parameters
from core.preprocessing.pipeline import crop_cell
from core.settings import Value

Source = str | Path | bytes | NDArray[np.uint8]
"""A picture: a file's path, a file's bytes, or RGB pixels `(H, W, 3) uint8`, as `numpy.asarray` makes them of a Pillow
image of mode RGB."""

UNFAMILIAR = "Unfamiliar: unlike the cells that the model was trained on."


def load(model: str | Path, *, checkpoints: str | Path | None = None, device: str | None = None) -> Classifier:
    """A trained model by its name ("resnet50", "mobilenet_v3_small") or its folder's path, checked and ready.

    Names are looked for in `checkpoints`, by default the folder that LEUKOLENS_CHECKPOINTS names, else the project's
    own. `device` is "auto" (a GPU where there is one), "cpu", "cuda" or "mps", by default what LEUKOLENS_DEVICE says,
    else "auto". Many threads may share the result. InputError for a model that is not there or does not fit its card.
    """
    root = None if checkpoints is None else Path(checkpoints)
    return load_classifier(find(str(model), root), chosen_device(device))


@overload
def predict(model: Classifier, picture: Source, *, framing: str | None = None) -> CellPrediction: ...
@overload
def predict(model: Classifier, picture: list[Source], *, framing: str | None = None) -> list[CellPrediction]: ...
def predict(
    model: Classifier, picture: Source | list[Source], *, framing: str | None = None
) -> CellPrediction | list[CellPrediction]:
    """What `model` (of `load`) says of a picture of one cell; of a list of pictures, a list.

    Probabilities are 0 to 1 and temperature-scaled as the model's card says. `framing` is "cell" (cut out around the
    cell), "frame" (the whole picture), "masked" or "islam"; by default what the model was trained on. The answer tells
    in `doubts` where no cell was found, where the picture is unlike those the model knows, and where the framing is
    another than it was trained on. InputError for a picture that cannot be read and for an unknown framing.
    """
    _check_model(model)
    many = isinstance(picture, list)
    pictures = picture if isinstance(picture, list) else [picture]
    decoded = [_decoded(one) for one in pictures]
    views = [frame_image(rgb, framing or model.card.framing) for rgb, _ in decoded]
    answers = []
    for (_, notes), view, answer in zip(decoded, views, model.predict([view.rgb for view in views]), strict=True):
        foreign = framing_warning(view.framing, model.card.framing)
        doubts = (*view.warnings, *([foreign] if foreign else []), *([UNFAMILIAR] if answer.unfamiliar else []))
        answers.append(prediction_with(answer, seen=view, doubts=doubts, notes=notes))
    return answers if many else answers[0]


def explain(
    model: Classifier,
    picture: Source,
    method: str = "gradcam",
    classes: Sequence[str] | None = None,
    *,
    framing: str | None = None,
    seed: int = 0,
    precision: str = "auto",
    watch: Callable[[int, int], None] = lambda evaluations, budget: None,
    **settings: Value,
) -> CellExplanation:
    """Where `model` (of `load`) finds evidence for each of `classes` (all by default), by one of the methods.

    `method` is a name of `core.explanation.methods.registry.METHODS`: "gradcam", "lime", "shap", "rise" and so on.
    `settings` are the method's own, as in `explain(model, picture, "lime", samples=500)`; those of each stand in
    docs/reference/command-line.md. The same picture, model, settings and `seed` give the same maps. `precision` is
    "auto", "float32" or "bfloat16". `watch(evaluations, budget)` is called after every step of some tenths of a second;
    what it raises ends the work. Pictures and `framing` as for `predict`.

    The values are unscaled: how much the class's logit or probability (`explains`) moves. InputError for an unknown
    method, class or setting, for a method that does not fit the model, and for a picture that cannot be read.
    """
    _check_model(model)
    if isinstance(classes, str):
        classes = [classes]
    chosen = checked_classes(model, classes)
    checked_precision(precision)
    prediction = predict(model, picture, framing=framing)
    context = ImageContext(prediction.seen.rgb)
    estimator = start(method, model, context, settings, seed, precision)
    while not estimator.done:
        estimator.advance()
        watch(estimator.evaluations, estimator.budget)
    return explanation_with(explanation_of(estimator, chosen), prediction)


def preprocess(picture: Source, parameters: str | CellParameters = "bccd", **changes: object) -> PreprocessedCell:
    """Cut the cell out of a picture by the pipeline of Islam et al. 2024, and keep every stage on the way.

    `parameters` is a preset's name ("bccd" with the paper's bounds, "pbc", "lisc", "jtsc"), "automatic" for bounds that
    are suggested for this picture, or `CellParameters`. `changes` are single parameters in their place, as in
    `preprocess(picture, "pbc", upper=(182, 110, 255), padding=10)`: colours 0 to 255, lengths in px. Without a cell
    `found` is False and `reason` says why. InputError for unknown parameters and for a picture that cannot be read.
    """
    rgb, notes = _decoded(picture)
    chosen = parameters
    if isinstance(chosen, str):
        chosen = suggest_parameters(rgb) if chosen == "automatic" else preset_parameters(chosen)
    return preprocessed_with(crop_cell(rgb, chosen.revised(**changes) if changes else chosen), notes)


def _check_model(model: object) -> None:
    if not isinstance(model, Classifier):
        raise InputError('The first argument must be a model: model = load("mobilenet_v3_small").')


def _decoded(picture: Source) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The picture's pixels `(H, W, 3) uint8`, and what was done to them, in sentences; InputError where it is none."""
    if isinstance(picture, str | Path):
        image = read_image(Path(picture))
        return image.rgb, image.notes
    if isinstance(picture, bytes):
        image = decode(picture, "The picture")
        return image.rgb, image.notes
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        told = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise InputError(
            f"A picture is a file's path, its bytes, or an array (H, W, 3) of uint8, not {told}. "
            'Of a Pillow image: numpy.asarray(image.convert("RGB")).'
        )
    check_size(picture.shape[1], picture.shape[0], "The picture")
    return np.ascontiguousarray(picture), ()
