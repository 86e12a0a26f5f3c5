"""What of a known set is at a place, against what was published."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.classes import CLASSES
from core.data.datasets import Dataset, read_data
from core.data.known import KnownSet
from core.data.known_readers import recognised
from core.data.reading import is_folder
from core.errors import InputError


@dataclass(frozen=True)
class Inventory:
    """Images of each class that are here; `differences` says where they are fewer or more than published.

    `problem` says why nothing could be read: no folder of the set, or a damaged one.
    """

    folder: str
    images: dict[str, int]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every class has as many images in every split as were published."""
        return self.problem is None and not self.differences

    def to_dict(self) -> dict[str, Any]:
        """The inventory as JSON has it."""
        return {**asdict(self), "complete": self.complete}


def inventory(known: KnownSet, root: Path) -> Inventory:
    """Look for `known` in `root`, or at `root` itself where that is the set's own folder."""
    folder = root / known.folder
    if not is_folder(folder):
        if recognised(root) != known.name:
            return Inventory(str(folder), {}, problem=f"not here: {folder} is missing")
        folder = root
    try:
        data = read_data(folder, known.name)
    except InputError as error:
        return Inventory(str(folder), {}, problem=str(error))
    counts = data.table["label"].value_counts()
    images = {name: int(counts.get(name, 0)) for name in data.classes}
    return Inventory(str(folder), images, tuple(differences(known, data)), data.notes)


def differences(known: KnownSet, data: Dataset) -> list[str]:
    """One clause for every class, and split where the set has splits of its own, whose count is not as published."""
    clauses = []
    for split, published in known.counts.items():
        table = data.table if split == "all" else data.table[data.table["split"] == split]
        here = table["label"].value_counts()
        where = "" if split == "all" else f"{split} "
        for name in CLASSES:
            count, wanted = int(here.get(name, 0)), published.get(name, 0)
            if count != wanted:
                what = f"{count - wanted:,} too many" if count > wanted else f"{wanted - count:,} missing"
                clauses.append(f"{where}{name} {count:,} of {wanted:,} ({what})")
    return clauses
