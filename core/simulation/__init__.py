"""Simulated white blood cells, drawn from their textbook morphology, with exact masks."""

from core.simulation.cell import SimulatedCell, draw_cell, draw_field
from core.simulation.gallery import FIRST_TRAINING_SEED, GalleryCell, gallery

__all__ = ["FIRST_TRAINING_SEED", "GalleryCell", "SimulatedCell", "draw_cell", "draw_field", "gallery"]
