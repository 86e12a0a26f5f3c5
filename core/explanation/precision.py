"""Which number format an explanation is computed in."""

from __future__ import annotations

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.method import Family
from core.models.registry import ARCHITECTURES
from core.models.staged import DTYPES, processor_has

PRECISIONS: tuple[str, ...] = ("auto", *DTYPES)
FAITHFUL = 0.99  # rank correlation with float32's maps that a faster format must reach


def chosen_precision(classifier: Classifier, family: Family, wanted: str = "auto") -> str:
    """Return the format for methods of `family` ("masks" or "gradients") on this model and machine.

    "auto" is bfloat16 where the processor has it, the architecture is faster in it, and the model's card says that its
    maps keep a rank correlation of FAITHFUL with float32's; float32 everywhere else. Gradient CAMs ("cam") are float32.
    """
    if wanted not in PRECISIONS:
        raise InputError(f"No precision {wanted!r}. Choose one of: {', '.join(PRECISIONS)}.")
    if wanted == "float32" or family == "cam":
        return "float32"
    if wanted != "auto":
        return wanted
    kind = ARCHITECTURES.get(classifier.card.architecture)
    gains = kind is not None and family not in kind.slow_in_bfloat16
    faithful = classifier.card.bfloat16.get(family, 0.0) >= FAITHFUL
    return "bfloat16" if gains and faithful and processor_has("bfloat16", classifier.device) else "float32"
