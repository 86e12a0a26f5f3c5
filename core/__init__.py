"""LeukoLens' engine: decoding, preprocessing, models, training and explanations, free of any user interface.

`from core import load, predict, explain, preprocess` brings what a notebook needs; `core.library` says what they do.
Importing `core` alone loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.library import explain, load, predict, preprocess

__version__ = "0.1.0"
__all__ = ["explain", "load", "predict", "preprocess"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("core.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
