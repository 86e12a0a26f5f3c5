"""What is said of a map: its values, how certain they are, and how its colours are read."""

from __future__ import annotations

import numpy as np

from core.explanation.engine import Explanation, has_evidence
from core.explanation.method import Method
from core.explanation.methods.registry import METHODS

OUTPUTS = {"logit": "logits", "probability": "probabilities"}


def largest_values(explanation: Explanation, name: str) -> tuple[str, ...]:
    """Say a class's largest raw value, with its standard error where there is one; for signed maps one line an end."""
    index = explanation.classes.index(name)
    values = explanation.native[index]
    if not has_evidence(values):
        return ("no evidence" if explanation.signed else "no positive evidence",)
    if not explanation.signed:
        return (f"max {raw(float(values.max()))}{_spread(explanation, index, int(values.argmax()))}",)
    parts = []
    if values.max() > 0:
        parts.append(f"for {raw(float(values.max()))}{_spread(explanation, index, int(values.argmax()))}")
    else:
        parts.append("no positive evidence")
    if values.min() < 0:
        parts.append(f"against {raw(float(-values.min()))}{_spread(explanation, index, int(values.argmin()))}")
    return tuple(parts)


def uncertainty_text(explanation: Explanation, classes: tuple[str, ...] = ()) -> str:
    """Say how uncertain a model's maps are: the standard error or the completeness gap, "" where there is neither."""
    if explanation.error is not None:
        size = float(np.sqrt(np.mean(np.square(explanation.native))))
        error = float(np.sqrt(np.mean(np.square(explanation.error))))
        if size == 0 or not np.isfinite(error):
            return "standard error not known yet"
        return f"standard error {_share(error / size)} of the values"
    if METHODS[explanation.method].uncertainty == "standard error":
        return "too few samples yet to tell the standard error"
    if explanation.gap is not None:
        worst = float(np.abs(explanation.gap).max())
        return f"completeness gap {_share(worst)}" if np.isfinite(worst) else "completeness gap not known yet"
    return ""


def raw(value: float) -> str:
    """Write a raw value with two significant digits, in powers of ten where it is small or large."""
    return f"{value:.2g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"


def legend_ends(signed: bool, shared: bool, by_pixel: bool) -> tuple[str, str]:
    """Return what stands at the two ends of a palette; of maps `by_pixel` 1 % lie beyond them."""
    if signed:
        end = "a model's" if shared else "each map's own"
        return "against", f"for, up to {end} {'99th percentile' if by_pixel else 'largest value'}"
    return "0", "the largest value of a model's classes" if shared else "each map's own maximum"


def legend_text(kind: Method, bordered: bool, against: str = "") -> str:
    """Return how a method's maps are read; contrastive ones `against` a class, where it is named."""
    if against:
        before = " before the ReLU" if kind.family == "cam" else ""
        what = "Outlined: the up to five superpixels that speak most" if bordered else f"{kind.title} shows what speaks"
        return (
            f"{what} for the class rather than for {against}: the difference of the two classes' values{before}, which "
            f"explains the difference of their {OUTPUTS[kind.explains]}. Figures are raw values without unit."
        )
    if bordered:
        return (
            "Outlined: the up to five superpixels that speak most for the class, as in LIME's paper. "
            f"{kind.title} explains a class's {kind.explains}."
        )
    shows = "speaks for and against a class's" if kind.signed else "speaks for a class's"
    return f"Figures are raw values without unit. {kind.title} shows what {shows} {kind.explains}."


def plain(name: str) -> str:
    """Write the name of a choice as a reader would: `many-cells` as “many cells”."""
    return name.replace("-", " ")


def _spread(explanation: Explanation, index: int, place: int) -> str:
    if explanation.error is None:
        return ""
    error = float(explanation.error[index].flat[place])
    return f" ± {raw(error)}" if np.isfinite(error) else ""


def _share(value: float) -> str:
    percentage = 100 * value
    return (
        f"{percentage:.2g} %" if percentage < 99.5 else f"{percentage:.0f} %" if percentage < 1000 else "over 1,000 %"
    )
