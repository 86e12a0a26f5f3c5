"""Who is next: start-time fair queueing (Goyal, Vin & Cheng 1996) between owners, by the time they used."""

from __future__ import annotations

from collections.abc import Set


class FairShare:
    """Seconds of work charged to each owner, counted so that nobody gains by having been idle.

    An owner who comes, or comes back, starts at the least that any present one has used, or at his own where that is
    more: absence earns no credit, and leaving does not wipe out what was used. Not thread-safe.
    """

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._present: Set[str] = frozenset()
        self._floor = 0.0

    def admit(self, present: Set[str]) -> None:
        """Say who wants work now. Those gone whom the others have caught up with are forgotten."""
        staying = [self._used[owner] for owner in present & self._present]
        reached = min(staying, default=0.0) if present else max(self._used.values(), default=0.0)
        self._floor = max(self._floor, reached)
        for owner in present - self._present:
            self._used[owner] = max(self._used.get(owner, 0.0), self._floor)
        self._used = {owner: used for owner, used in self._used.items() if owner in present or used > self._floor}
        self._present = frozenset(present)

    def charge(self, owner: str, seconds: float) -> None:
        """Add to what `owner` has used."""
        self._used[owner] = self._used.get(owner, self._floor) + seconds

    def used(self, owner: str) -> float:
        """What counts as used by `owner`, s; the least is served first."""
        return self._used.get(owner, self._floor)

    def __len__(self) -> int:
        """How many owners are remembered."""
        return len(self._used)
