"""Which library is the reference of which method. A new method names its own here, or says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.engine import Explanation
from core.explanation.method import Request
from core.explanation.methods.registry import METHODS
from core.explanation.reference.captum import integrated_maps, occlusion_maps
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.gradcam import cam_maps, scaled
from core.explanation.reference.lime import lime_maps
from core.explanation.reference.private import Tell
from core.explanation.reference.shap import gradient_maps, kernel_maps, partition_maps

Compute = Callable[[Request[Any], Sequence[int], int, Tell], NDArray[np.float32]]
_OUTPUTS = (
    1e-3,
    "Both compute in float32, ours with normalisation folded into the convolutions and in other batches: rounding, "
    "carried through some fifty layers, comes to 0.01 % and less, a wrong mask or weight to far more.",
)
_GRADIENTS = (
    1e-2,
    "Rounding that puts a unit on the other side of a kink, or gives a max-pool another winner, changes the gradient "
    "of the pixels behind it by a whole step, at some of the points that the map is a mean over.",
)


@dataclass(frozen=True)
class Reference:
    """A method's reference: `library` and the package that it is installed as, and `compute`.

    `compute` takes a request, the classes' indices, the evaluations that our map rests on, and whom to tell how far it
    is (pictures shown to the network, of how many); it returns maps `(k, S, S)`, or raises InputError where the library
    cannot be asked the same question. `compares` says what is the same on both sides; `limit` is how much the maps may
    differ, as a share of the largest value, and why so much. `relative` maps come in [0, 1], as ours are to be then.
    """

    library: str
    package: str
    compute: Compute
    compares: str
    limit: tuple[float, str] = _OUTPUTS
    relative: bool = False

    @property
    def tolerance(self) -> float:
        """How much the maps may differ, as a share of the largest value."""
        return self.limit[0]

    @property
    def version(self) -> str:
        """Of the installed library."""
        return version(self.package)

    def ours(self, explanation: Explanation, label: str) -> NDArray[np.float32]:
        """Our map `(S, S)` of a class, as it is compared."""
        if not self.relative:
            return explanation.map_of(label)
        return scaled(explanation.native[explanation.classes.index(label)], explanation.values.shape[-1])

    def check(
        self,
        explanation: Explanation,
        label: str,
        theirs: NDArray[np.float32],
        seconds: float = 0.0,
        our_seconds: float | None = None,
    ) -> ReferenceCheck:
        """Compare our map of a class with the library's `(S, S)`."""
        return ReferenceCheck(
            model=explanation.model,
            method=explanation.method,
            label=label,
            library=self.library,
            version=self.version,
            ours=self.ours(explanation, label),
            theirs=theirs,
            tolerance=self.tolerance,
            precision=explanation.precision,
            seconds=seconds,
            our_seconds=our_seconds,
        )


def _cam(name: str, text: str) -> Reference:
    compares = f"Same picture, class and layer, each map scaled to 0..1 as pytorch-grad-cam does; {text}."
    return Reference("pytorch-grad-cam", "grad-cam", partial(cam_maps, name), compares, relative=True)


_HOOKS = "its hooks and its backward pass on a copy of the network"
REFERENCES: dict[str, Reference] = {
    "gradcam": _cam("gradcam", _HOOKS),
    "gradcam++": _cam("gradcam++", _HOOKS),
    "hirescam": _cam("hirescam", _HOOKS),
    "layercam": _cam("layercam", _HOOKS),
    "eigencam": _cam("eigencam", _HOOKS),
    "scorecam": _cam("scorecam", "its own masks and passes, one a channel and class"),
    "lime": Reference(
        "lime",
        "lime",
        lime_maps,
        "Same superpixels, masks and hidden picture; lime's own loop over the network and its own regression.",
    ),
    "shap": Reference(
        "shap",
        "shap",
        gradient_maps,
        "Same background pictures and draws; shap's GradientExplainer, its gradients and its mean.",
        _GRADIENTS,
    ),
    "shap-kernel": Reference(
        "shap",
        "shap",
        kernel_maps,
        "Same superpixels, coalitions, weights and hidden picture; shap's KernelExplainer evaluates and solves.",
    ),
    "shap-partition": Reference(
        "shap",
        "shap",
        partition_maps,
        "Same hidden picture and number of evaluations; shap's PartitionExplainer and its Image masker.",
    ),
    "integrated-gradients": Reference(
        "captum",
        "captum",
        integrated_maps,
        "Same baseline and points of the trapezoid rule; captum's IntegratedGradients, without its factor (n - 1) / n.",
        _GRADIENTS,
    ),
    "occlusion": Reference(
        "captum",
        "captum",
        occlusion_maps,
        "Same window, stride and hidden picture; captum's Occlusion.",
    ),
}
WITHOUT: dict[str, str] = {
    "rise": "No reference library computes RISE: neither pytorch-grad-cam, lime, shap nor captum has it.",
}
if set(REFERENCES) & set(WITHOUT) or set(REFERENCES) | set(WITHOUT) != set(METHODS):
    raise ValueError("each method has either a reference or a reason why it has none")
