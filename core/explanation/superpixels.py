"""A picture cut into superpixels, the parts that LIME and kernel SHAP weigh, and merged with their most similar
neighbours until few enough are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import sobel
from skimage.segmentation import quickshift, slic, watershed

from core.errors import InputError
from core.explanation.context import SIDE, ImageContext, scaled_labels
from core.explanation.method import Method, MethodSettings, Request
from core.settings import choice_field, fields_of, number_field

Labels = NDArray[np.int32]
Picture = NDArray[np.uint8]

SMALLEST = 0.05  # of the mean area: smaller superpixels are merged too, or a small model would not see them
CONTRAST = 1.0  # squared colour difference added, so that in an even picture the small ones are merged first
FEWEST, MOST = 8, 200
OWN = "own"  # the reader's regions in the place of superpixels
SPARE = 1.3  # times as many are cut as are wanted, and merged down to the number
COMPACTNESS = (10, 30, 100, 300)  # skimage's own first, then more even ones
KERNELS = (4, 3, 2, 1.5, 1)  # px; lime's own first, then finer ones where it gives too few superpixels


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


def superpixels(context: ImageContext, name: str, regions: int, side: int) -> Labels:
    """Labels `(side, side) int32` from 0 of about `regions` superpixels by the method `name`, one of SUPERPIXELS.

    They are cut once, on the picture at SIDE px, and scaled; so the n-th is the same part for models of any side. OWN
    are the context's given regions, whatever their number. InputError where `regions` is not in FEWEST..MOST, where the
    picture has nothing to tell parts apart by, or where there are no own regions.
    """
    if name == OWN:
        full = context.shared((OWN,), lambda: _own(context))
        return context.shared((OWN, side), lambda: scaled_labels(full, side))
    if name not in SUPERPIXELS:
        raise InputError(f"No superpixels {name!r}. Choose one of: {', '.join((*SUPERPIXELS, OWN))}.")
    if not FEWEST <= regions <= MOST:
        raise InputError(f"The number of superpixels must be from {FEWEST} to {MOST}, not {regions}.")
    full = context.shared(("superpixels", name, regions), lambda: _cut(context.picture(), name, regions))
    return context.shared(("superpixels", name, regions, side), lambda: scaled_labels(full, side))


def takes_own_regions(kind: Method) -> bool:
    """Whether a method can weigh the reader's own regions."""
    field = fields_of(kind.settings).get("superpixels")
    return field is not None and OWN in field.choices


def lacks_regions(request: Request[Any]) -> str | None:
    """Why a request that wants the reader's own regions cannot be served; None where it can, or does not want them."""
    if request.settings.superpixels == OWN and request.context.given_regions is None:
        return "no regions of your own were given. Give a picture of them, or choose other superpixels."
    return None


def _own(context: ImageContext) -> Labels:
    """The given regions at SIDE px, numbered anew without those that are too small to be seen there."""
    if context.given_regions is None:
        raise InputError("No regions of your own were given.")
    found = scaled_labels(context.given_regions, SIDE)
    labels = np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int32)
    if labels.max() < 1:
        raise InputError(f"At {SIDE} px only one of your regions is left: make them larger.")
    return labels


def _cut(picture: Picture, name: str, regions: int) -> Labels:
    found = SUPERPIXELS[name](picture, regions)
    labels = merged(picture, np.unique(found, return_inverse=True)[1].reshape(found.shape), regions)
    if labels.max() < 1:
        raise InputError(f"{name} finds no parts in this picture: it is too even. Choose the superpixels 'grid'.")
    return labels


def _slic(picture: Picture, regions: int) -> Labels:
    """k-means in colour and place (Achanta et al. 2012); place counts more where colours alone give shreds."""
    labels: Labels = np.zeros(picture.shape[:2], dtype=np.int32)
    for weight in COMPACTNESS:
        labels = np.asarray(
            slic(picture, n_segments=round(SPARE * regions), compactness=weight, sigma=1, start_label=0)
        )
        if labels.max() + 1 >= regions:
            break
    return labels


def _quickshift(picture: Picture, regions: int) -> Labels:
    """Mode seeking in colour and place (Vedaldi & Soatto 2008) with lime's parameters; a finer kernel if need be."""
    labels: Labels = np.zeros(picture.shape[:2], dtype=np.int32)
    for kernel in KERNELS:
        labels = np.asarray(quickshift(picture, kernel_size=kernel, max_dist=200, ratio=0.2, rng=0))
        if labels.max() + 1 >= regions:
            break
    return labels


def _watershed(picture: Picture, regions: int) -> Labels:
    """Floods from an even grid of markers, held back by edges and by distance (Neubert & Protzel 2014)."""
    edges = sobel(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    return np.asarray(watershed(edges, markers=round(SPARE * regions), compactness=1e-3)) - 1


def _grid(picture: Picture, regions: int) -> Labels:
    """Equal rectangles, as many rows as columns or about so."""
    rows = round(regions**0.5)
    columns = round(regions / rows)
    down = np.arange(picture.shape[0]) * rows // picture.shape[0]
    across = np.arange(picture.shape[1]) * columns // picture.shape[1]
    return np.asarray(down[:, None] * columns + across, dtype=np.int32)


SUPERPIXELS: dict[str, Callable[[Picture, int], Labels]] = {
    "slic": _slic,
    "quickshift": _quickshift,
    "watershed": _watershed,
    "grid": _grid,
}

Superpixels = Literal["slic", "quickshift", "watershed", "grid", "own"]


def parts_field(default: int) -> Any:
    """The settings' field that says into how many parts the picture is cut."""
    text = (
        "About how many parts the picture is cut into; your own regions stay as many as they are. More of them say "
        "more exactly where, and need more samples."
    )
    return number_field(default, FEWEST, MOST, "Parts", text)


class SuperpixelSettings(MethodSettings):
    """Settings of a method that weighs superpixels."""

    superpixels: Superpixels = choice_field(
        "slic",
        "Superpixels",
        "How the picture is cut into parts: slic and watershed give compact ones, quickshift is what lime uses by "
        "itself, grid does not look at the picture, own are the regions of a picture that you give.",
    )
    regions: int = parts_field(50)
