"""Work done in small steps, so that it can be shared fairly, shown while it goes on, stopped, and continued."""

from __future__ import annotations

from typing import Protocol


class Task(Protocol):
    """Work in steps of some tenths of a second at most. One thread at a time may call `advance`.

    `done` is reached when `evaluations` (model evaluations so far, of one picture each) meet `budget`, or earlier where
    there is no more to learn. What it has found so far stands between any two steps.
    """

    budget: int

    @property
    def evaluations(self) -> int:
        """Model evaluations that the result so far rests on."""

    @property
    def done(self) -> bool:
        """Whether another step would add nothing."""

    def advance(self) -> None:
        """Do one step."""
