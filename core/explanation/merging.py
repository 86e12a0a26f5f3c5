"""Superpixels merged with their most similar neighbours until few enough are left."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST = 0.05  # of the mean area: smaller superpixels are merged too, or a small model would not see them
CONTRAST = 1.0  # squared colour difference added, so that in an even picture the small ones are merged first


def merged(picture: NDArray[np.uint8], labels: NDArray[np.integer], most: int) -> NDArray[np.int32]:
    """Merge superpixels `labels` `(h, w)` of `picture` `(h, w, 3) uint8` until `most` are left; labels from 0.

    Each step joins the two neighbours whose joining adds least to the squared deviation of the colours (Ward 1963).
    """
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float64)
    flat = labels.ravel()
    areas: NDArray[np.float64] = np.bincount(flat).astype(np.float64)
    sums: NDArray[np.float64] = np.stack([np.bincount(flat, colours[:, channel]) for channel in range(3)], axis=1)
    parent = np.arange(len(areas))
    pairs = _neighbours(labels)
    while len(pairs):
        left = len(np.unique(parent))
        cost = _cost(pairs, areas, sums)
        if left <= most:
            small = areas[pairs].min(axis=1) < SMALLEST * flat.size / left
            if not small.any():
                break
            cost = np.where(small, cost, np.inf)
        keep, gone = pairs[np.argmin(cost)]
        areas[keep] += areas[gone]
        sums[keep] += sums[gone]
        parent[parent == gone] = keep
        pairs = np.unique(np.sort(parent[pairs], axis=1), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return np.unique(parent[flat], return_inverse=True)[1].reshape(labels.shape).astype(np.int32)


def _cost(pairs: NDArray[np.intp], areas: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    means = sums / areas[:, None]
    apart = ((means[pairs[:, 0]] - means[pairs[:, 1]]) ** 2).sum(axis=1) + CONTRAST
    first, second = areas[pairs].T
    return np.asarray(apart * first * second / (first + second))


def _neighbours(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """Pairs `(n, 2)` of labels that touch, each once, the lower one first."""
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1)
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1)
    pairs = np.sort(np.concatenate([across, down]), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).astype(np.intp)
