"""The registry of explanation methods. A new one is one file in `estimators` and one line here."""

from __future__ import annotations

from core.errors import InputError
from core.explanation.estimators.cam import EIGENCAM, GRADCAM, GRADCAM_PLUS_PLUS, HIRESCAM, LAYERCAM
from core.explanation.estimators.expected_gradients import EXPECTED_GRADIENTS
from core.explanation.estimators.integrated_gradients import INTEGRATED_GRADIENTS
from core.explanation.estimators.kernel_shap import KERNEL_SHAP
from core.explanation.estimators.lime import LIME
from core.explanation.estimators.occlusion import OCCLUSION
from core.explanation.estimators.partition_shap import PARTITION_SHAP
from core.explanation.estimators.rise import RISE
from core.explanation.estimators.score_cam import SCORE_CAM
from core.explanation.method import Method

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
