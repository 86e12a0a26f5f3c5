"""LeukoLens' engine: decoding, preprocessing, models, training and explanations, free of any user interface."""

__version__ = "0.1.0"
