"""The registry of explanation methods. A new one is one file in this folder and one line here."""

from __future__ import annotations

from core.errors import InputError
from core.explanation.method import Method
from core.explanation.methods.cam import EIGENCAM, GRADCAM, GRADCAM_PLUS_PLUS, HIRESCAM, LAYERCAM
from core.explanation.methods.expected_gradients import EXPECTED_GRADIENTS
from core.explanation.methods.integrated_gradients import INTEGRATED_GRADIENTS
from core.explanation.methods.kernel_shap import KERNEL_SHAP
from core.explanation.methods.lime import LIME
from core.explanation.methods.occlusion import OCCLUSION
from core.explanation.methods.partition_shap import PARTITION_SHAP
from core.explanation.methods.rise import RISE
from core.explanation.methods.score_cam import SCORE_CAM

_ALL: tuple[Method, ...] = (
    GRADCAM,
    GRADCAM_PLUS_PLUS,
    HIRESCAM,
    LAYERCAM,
    EIGENCAM,
    SCORE_CAM,
    LIME,
    EXPECTED_GRADIENTS,
    KERNEL_SHAP,
    PARTITION_SHAP,
    INTEGRATED_GRADIENTS,
    OCCLUSION,
    RISE,
)

METHODS: dict[str, Method] = {entry.name: entry for entry in _ALL}

if len(METHODS) != len(_ALL):
    raise ValueError("two methods share a name")


def method(name: str) -> Method:
    """Return the method `name`; InputError lists the known ones."""
    try:
        return METHODS[name]
    except KeyError:
        raise InputError(f"No explanation method {name!r}. Known: {', '.join(METHODS)}.") from None
