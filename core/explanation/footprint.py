"""About how many bytes of arrays and tensors an object holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor, nn

from core.classifier import Classifier
from core.explanation.scene import Scene

SAMPLE = 32  # elements of a large container that stand for all
OVERHEAD = 64  # bytes, of an object that is no array
DEEPEST = 8


def footprint(held: Any, elsewhere: tuple[type, ...] = ()) -> int:
    """Estimate the bytes that `held` keeps alive: arrays exactly, large containers from their first elements.

    Models and scenes, which many share, count nothing, nor do objects of the classes `elsewhere`. RuntimeError where
    another thread changes a container meanwhile.
    """
    return _bytes(held, (Classifier, nn.Module, Scene, *elsewhere), set(), DEEPEST)


def _bytes(held: Any, elsewhere: tuple[type, ...], seen: set[int], depth: int) -> int:
    if isinstance(held, np.ndarray) and isinstance(held.base, np.ndarray):
        held = held.base
    if id(held) in seen or depth == 0 or isinstance(held, elsewhere):
        return 0
    seen.add(id(held))
    if isinstance(held, np.ndarray | Tensor):
        return held.nbytes
    if isinstance(held, str | bytes | type) or callable(held):
        return OVERHEAD
    if isinstance(held, Sequence | Set | Mapping):
        inside = held.values() if isinstance(held, Mapping) else held
        return _sampled(inside, len(held), elsewhere, seen, depth)
    fields = getattr(held, "__dict__", None)
    return OVERHEAD + (_bytes(fields, elsewhere, seen, depth) if fields else 0)


def _sampled(elements: Iterable[Any], count: int, elsewhere: tuple[type, ...], seen: set[int], depth: int) -> int:
    found = [_bytes(element, elsewhere, seen, depth - 1) for element in islice(elements, SAMPLE)]
    return OVERHEAD + (sum(found) * count // len(found) if found else 0)
