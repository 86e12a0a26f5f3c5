"""Simulated white blood cells, drawn from their textbook morphology, with exact masks."""

from core.simulation.cell import SimulatedCell, draw, draw_cell, draw_field
from core.simulation.design import CellDesign, design_of
from core.simulation.gallery import FIRST_TRAINING_SEED, GalleryCell, gallery

__all__ = [
    "FIRST_TRAINING_SEED",
    "CellDesign",
    "GalleryCell",
    "SimulatedCell",
    "design_of",
    "draw",
    "draw_cell",
    "draw_field",
    "gallery",
]
