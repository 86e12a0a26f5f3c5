"""Everything about a drawn cell that can be chosen, as one typed object: what a cell's class gives it, and what differs
from that. As nothing differs, the cell is the one that the class and the seed draw."""

from __future__ import annotations

from typing import Literal

from core.settings import Settings, choice_field, number_field

CellClass = Literal["basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
OtherClass = Literal["own", "basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
NucleusClass = Literal["own", "none", "basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil"]
StainName = Literal["own", "cream", "lilac", "white-violet", "grey", "yellow", "white-rose"]
GranuleColour = Literal["own", "eosin", "azure", "violet"]
AS_DRAWN, WITHOUT = "own", "none"


class CellDesign(Settings):
    """How a cell is drawn. Factors are relative to what class and seed give, so that 1 (or "own") changes nothing.

    The same design and seed give the same picture; a field that is changed leaves all else of the cell where it is:
    the place, the outline, the red cells, the grain of the sensor.
    """

    label: CellClass = choice_field("neutrophil", "Class", "The class whose cell is drawn.")
    other: OtherClass = choice_field("own", "Mixed with", "A second class, whose nucleus and cytoplasm are mixed in.")
    share: float = number_field(0.0, 0, 1, "Share of the second class", "0 is the first class alone, 1 the second.")
    nucleus: NucleusClass = choice_field(
        "own", "Nucleus of", "The class whose nucleus the cell gets; none: no nucleus."
    )
    cytoplasm: OtherClass = choice_field("own", "Cytoplasm of", "The class whose cytoplasm the cell gets.")
    lobes: int = number_field(0, 0, 5, "Lobes", "Lobes of the nucleus on thin threads; 1 is a band, 0 as drawn.")
    filling: float = number_field(
        0.0, 0, 1, "Lobes filled in", "How far gaps between lobes are closed; 1 is none left."
    )
    nucleus_size: float = number_field(1.0, 0.6, 1.2, "Size of the nucleus", "Smaller leaves more cytoplasm.")
    chromatin: float = number_field(1.0, 0.4, 1.6, "Chromatin", "How strongly the nucleus is dyed.")
    clumps: float = number_field(1.0, 0, 2, "Clumps of chromatin", "0 is an even nucleus.")
    granules: float = number_field(1.0, 0, 2, "Granules", "Their number; 0 is none.")
    granule_size: float = number_field(1.0, 0.5, 2, "Size of granules", "Their radius.")
    granule_colour: GranuleColour = choice_field("own", "Colour of granules", "The dye that they take up.")
    cytoplasm_density: float = number_field(1.0, 0, 2, "Cytoplasm", "How strongly it is dyed; 0 is clear.")
    tint: float = number_field(0.0, -1, 1, "Tint of the cytoplasm", "Towards pink (-1) or blue (1).")
    cell_size: float = number_field(1.0, 0.7, 1.3, "Size of the cell", "Its radius, against the red cells.")
    stain: StainName = choice_field("own", "Stain", "The laboratory's stain and camera.")
    stain_strength: float = number_field(1.0, 0.5, 1.5, "Strength of the stain", "Of every dye.")
    background: StainName = choice_field("own", "Background of", "The stain of the slide and the red cells alone.")
    red_cells: float = number_field(1.0, 0, 2, "Red cells", "How many lie around; 0 is none, and no platelets.")
    blur: float = number_field(1.0, 0.3, 4, "Out of focus", "Width of the optical blur.")
    light: float = number_field(1.0, 0.6, 1.2, "Light", "Brightness of the lamp.")

    @property
    def as_drawn(self) -> bool:
        """Whether nothing differs from what class and seed give."""
        return self == CellDesign.of(label=self.label)


def design_of(label: str) -> CellDesign:
    """The design of a class as it is drawn; InputError where there is no such class."""
    return CellDesign.of(label=label)


FACTORS: tuple[str, ...] = (
    "share",
    "filling",
    "nucleus_size",
    "chromatin",
    "clumps",
    "granules",
    "granule_size",
    "cytoplasm_density",
    "tint",
    "cell_size",
    "stain_strength",
    "red_cells",
    "blur",
    "light",
)
"""The fields that go from one end to the other by degrees."""
