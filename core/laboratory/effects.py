"""What a change to a cell does to a model's answer: probabilities before and after, and from one end of a factor to the
other over several drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image, framed_alike
from core.settings import fields_of
from core.simulation import CellDesign, draw
from core.simulation.design import FACTORS

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]

DOSE_STEPS, DOSE_DRAWS = 9, 20
BAND = (10.0, 90.0)  # percentiles of the other drawings that are shown


@dataclass(frozen=True)
class Effect:
    """What one change did to one model's answer: probabilities `(K,)` before and after, in the order of `classes`."""

    model: str
    change: str
    classes: tuple[str, ...]
    before: Floats
    after: Floats

    @property
    def difference(self) -> Floats:
        """After less before, `(K,)`."""
        return self.after - self.before

    @property
    def turned(self) -> bool:
        """Whether the model names another class now."""
        return bool(self.before.argmax() != self.after.argmax())


def probabilities_of(classifier: Classifier, rgb: Rgb, changed: Sequence[Rgb]) -> Floats:
    """Calibrated probabilities `(1 + N, K)` of a picture and of N changed ones of its size.

    All are cut out as the first is, so that a change to the nucleus does not shift the frame.
    """
    view = frame_image(rgb, classifier.card.framing)
    views = [view.rgb, *(framed_alike(other, rgb, view) for other in changed)]
    return classifier.probabilities(np.stack([answer.logits for answer in classifier.predict(views)]))


def effects_of(classifier: Classifier, rgb: Rgb, changed: dict[str, Rgb]) -> list[Effect]:
    """What each of the `changed` pictures, by the change's name, did to the answer to `rgb` `(H, W, 3)`."""
    before, *after = probabilities_of(classifier, rgb, list(changed.values()))
    return [
        Effect(classifier.name, name, classifier.card.classes, before, row)
        for name, row in zip(changed, after, strict=True)
    ]


def dose_values(factor: str, steps: int = DOSE_STEPS) -> tuple[float, ...]:
    """`steps` values of a factor from its lowest to its highest; InputError where there is no such factor."""
    if factor not in FACTORS:
        raise InputError(f"No factor {factor!r}. Known: {', '.join(FACTORS)}.")
    field = fields_of(CellDesign)[factor]
    assert field.low is not None and field.high is not None
    return tuple(float(value) for value in np.linspace(field.low, field.high, steps))


def dose_answers(
    classifiers: Sequence[Classifier],
    design: CellDesign,
    factor: str,
    seed: int,
    values: Sequence[float],
    size: int = 224,
) -> dict[str, Floats]:
    """By model, the probabilities `(V, K)` of the cell of `seed` at each of the factor's `values`.

    Every drawing is cut out as the cell of the unchanged design is.
    """
    plain = draw(design, seed, size).image
    doses = [draw(design.revised(**{factor: value}), seed, size).image for value in values]
    return {one.name: probabilities_of(one, plain, doses)[1:] for one in classifiers}


@dataclass(frozen=True)
class DoseCurve:
    """One model's answers to a factor: `own` `(V, K)` of the cell looked at, `others` `(D, V, K)` of other drawings."""

    model: str
    classes: tuple[str, ...]
    values: tuple[float, ...]
    own: Floats
    others: Floats

    def band(self, label: str) -> tuple[Floats, Floats, Floats]:
        """Median and the ends of `BAND` over the other drawings, `(V,)` each, of one class's probability."""
        at = self.others[:, :, self.classes.index(label)]
        low, middle, high = np.percentile(at, [BAND[0], 50.0, BAND[1]], axis=0)
        return middle, low, high


def dose_curves(
    classifiers: Sequence[Classifier], values: Sequence[float], answers: Sequence[dict[str, Floats]]
) -> list[DoseCurve]:
    """A curve a model from `dose_answers` of the cell looked at, first, and of the other drawings."""
    own, *others = answers
    return [
        DoseCurve(
            one.name,
            one.card.classes,
            tuple(values),
            own[one.name],
            np.stack([found[one.name] for found in others]) if others else own[one.name][None],
        )
        for one in classifiers
    ]
