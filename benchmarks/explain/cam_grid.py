"""Case cam-grid: Grad-CAM and Grad-CAM++ of every class, float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from benchmarks.explain.row import Row
from benchmarks.explain.sides import Sides, lowest_correlation, medians, timed
from core.explanation.engine import explain

METHODS = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus}
ROUNDS = 9


def cam_grid(sides: Sides) -> Row:
    """Upstream: one call a class and method, as in its README, after one that warms up. Ours: `explain`, median of 9.

    Parity: the lowest correlation of a class's maps, over both methods. The floor is one forward pass of our float32
    network.
    """
    classifier = sides.classifier
    tensor = classifier.tensor([sides.view])
    ours_s, forward_s = medians(
        [lambda: explain(classifier, sides.scene(), list(METHODS)), lambda: classifier.run(tensor)], ROUNDS
    )
    upstream(sides, classes=1)
    upstream_s, theirs = timed(lambda: upstream(sides, len(classifier.card.classes)))
    answers = explain(classifier, sides.scene(), list(METHODS))
    ours = np.concatenate([answers[name].values for name in METHODS])
    return Row("cam-grid", classifier.name, ours_s, upstream_s, lowest_correlation(ours, theirs), forward_s, "float32")


def upstream(sides: Sides, classes: int) -> NDArray[np.float32]:
    """Maps `(methods * classes, S, S)`, each scaled to 0..1 as upstream does."""
    inputs = sides.classifier.tensor([sides.view]).contiguous()
    layer = sides.network.stages[sides.network.cut]  # type: ignore[index]
    maps = []
    for method in METHODS.values():
        with method(model=sides.network, target_layers=[layer]) as cam:
            maps += [cam(inputs, [ClassifierOutputTarget(index)])[0] for index in range(classes)]
    return np.stack(maps)
