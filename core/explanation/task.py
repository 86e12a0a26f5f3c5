"""Work done in small steps, so that it can be shared fairly, shown while it goes on, stopped, and continued."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
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

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are its own, not of its context, its model or the evaluations that others share."""

    def advance(self) -> None:
        """Do one step."""


class StepwiseTask(ABC):
    """A `Task` written as a generator that yields, after each step, the model evaluations that the step took."""

    def __init__(self) -> None:
        self._evaluations = 0
        self._finished = False
        self._fault: Exception | None = None
        self._work = self._steps()

    @abstractmethod
    def _steps(self) -> Iterator[int]:
        """The work; begun at the first `advance`."""

    @property
    def evaluations(self) -> int:
        """Model evaluations so far, remembered ones and those of altered copies among them."""
        return self._evaluations

    @property
    def done(self) -> bool:
        """Whether the work came to its end."""
        return self._finished

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of what it has found, as in `Task`."""

    def advance(self) -> None:
        """Do one step; what broke off raises its fault again, so that it never looks finished."""
        if self._fault is not None:
            raise self._fault
        try:
            self._evaluations += next(self._work)
        except StopIteration:
            self._finished = True
        except Exception as error:
            self._fault = error
            raise
