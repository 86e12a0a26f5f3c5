"""The five classes of white blood cell, in the one order used everywhere."""

from __future__ import annotations

CLASSES: tuple[str, ...] = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")
