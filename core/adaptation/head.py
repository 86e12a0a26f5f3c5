"""A last layer fitted to a few labelled cells: logistic regression that begins at the layer as it was trained, and is
held near it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # on offer, the weakest first
STEPS = 300  # of the optimiser at most


@dataclass(frozen=True)
class LinearHead:
    """A linear layer: `weight` `(K, D)` and `bias` `(K,)`."""

    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Features `(N, D)` -> logits `(N, K)`."""
        return np.asarray(features @ self.weight.T + self.bias)


def fit_head(features: Floats, labels: Labels, first: LinearHead, penalty: float) -> LinearHead:
    """The head that minimises, over labelled features `(N, D)`, the cross-entropy with each class counted alike, plus
    `penalty` / 2 times the squared distance from `first` (L2-SP, Li et al. 2018, eq. 2).

    The distance is measured with the features scaled to a mean square of 1, so that a penalty means the same for every
    network. A class without labels keeps what it had: nothing pulls at it but the others' gain.
    """
    scale = max(float(np.sqrt((features**2).sum(axis=1).mean())), 1e-12)
    rows, basis = _in_own_span(features / scale)
    base = first.logits(features)
    weights = 1 / np.bincount(labels, minlength=len(first.bias)).clip(1)[labels]
    weights /= weights.sum()
    moved = _minimise(rows, base, labels, weights, penalty)
    change = moved[:, :-1] if basis is None else moved[:, :-1] @ basis
    return LinearHead(first.weight + change / scale, first.bias + moved[:, -1])


def _in_own_span(features: Floats) -> tuple[Floats, Floats | None]:
    """Features `(N, R)` in a basis `(R, D)` of the space that they span; as they are where that saves nothing.

    A weight outside that space changes no answer to them, so that the penalty keeps it where it was.
    """
    if len(features) >= features.shape[1]:
        return features, None
    orthogonal, triangular = np.linalg.qr(features.T)
    return triangular.T, orthogonal.T


def _minimise(rows: Floats, base: Floats, labels: Labels, weights: Floats, penalty: float) -> Floats:
    """What is added to the head, `(K, R + 1)`, the bias last."""
    classes = base.shape[1]
    own = np.eye(classes)[labels]
    extended = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)

    def loss(flat: Floats) -> tuple[float, Floats]:
        moved = flat.reshape(classes, -1)
        logits = base + extended @ moved.T
        total = logsumexp(logits, axis=1)
        gradient = (weights[:, None] * (np.exp(logits - total[:, None]) - own)).T @ extended + penalty * moved
        value = (weights * (total - logits[np.arange(len(labels)), labels])).sum() + penalty / 2 * (moved**2).sum()
        return float(value), gradient.ravel()

    start = np.zeros(classes * extended.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x).reshape(classes, -1)


def balanced_loss(logits: Floats, labels: Labels) -> float:
    """The cross-entropy of logits `(N, K)`, the mean over the classes that are there of each class's mean."""
    losses = logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))
