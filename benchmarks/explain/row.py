"""One line of the table: what took how long on which side, and how well the results agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """Seconds of both sides for one case and model, `parity` the correlation of their results.

    `floor_s` is the measured cost of the model's passes alone that our side needs; None where a case has no such thing,
    as `upstream_s` and `parity` where there is nothing to compare with. `note` says what else a reader must know.
    """

    case: str
    model: str
    ours_s: float
    upstream_s: float | None = None
    parity: float | None = None
    floor_s: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times longer the upstream library took."""
        return None if self.upstream_s is None else self.upstream_s / self.ours_s

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "case": self.case,
            "model": self.model,
            "ours_s": _rounded(self.ours_s),
            "upstream_s": _rounded(self.upstream_s),
            "ratio": _rounded(self.ratio),
            "parity": _rounded(self.parity, 6),
            "floor_s": _rounded(self.floor_s),
            "note": self.note,
        }

    def line(self) -> str:
        """Readable."""
        parts = [f"{self.case:31} {self.model:19} ours {self.ours_s:8.3f} s"]
        if self.upstream_s is not None:
            parts.append(f"upstream {self.upstream_s:8.2f} s  {self.ratio:6.1f}x")
        if self.parity is not None:
            parts.append(f"parity {self.parity:.5f}")
        if self.floor_s is not None:
            parts.append(f"{self.ours_s / self.floor_s:.2f}x its passes alone")
        return "  ".join([*parts, self.note]).rstrip()


def total(rows: Sequence[Row], note: str = "") -> Row:
    """All models together: seconds added up, the lowest parity."""
    parities = [row.parity for row in rows if row.parity is not None]
    return Row(
        rows[0].case,
        "all",
        sum(row.ours_s for row in rows),
        _sum([row.upstream_s for row in rows]),
        min(parities, default=None),
        _sum([row.floor_s for row in rows]),
        note,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
