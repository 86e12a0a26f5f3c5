"""LeukoLens as a library: four functions for notebooks and scripts, whose results show and convert themselves."""

from core.library.functions import explain, load, predict, preprocess

__all__ = ["explain", "load", "predict", "preprocess"]
