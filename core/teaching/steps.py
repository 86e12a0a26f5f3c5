"""How a session goes through a cell: the steps in their order, which of them a session has, and the way from one to
the next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from core.errors import InputError

LOOK, VOTE, MODELS, AGAIN, MAPS, TRUTH = "look", "vote", "models", "again", "maps", "truth"
STEPS: tuple[str, ...] = (LOOK, VOTE, MODELS, AGAIN, MAPS, TRUTH)
STEP_NAMES = {
    LOOK: "Look",
    VOTE: "Vote",
    MODELS: "What the models say",
    AGAIN: "Vote again",
    MAPS: "Where they looked",
    TRUTH: "Truth and discussion",
}
ROUNDS = {VOTE: 1, AGAIN: 2}  # the steps that take votes, and which vote it is
LOBBY = -1  # the position before the first cell, while students join
MOST_CHOSEN = 16  # models or methods of a session


@dataclass(frozen=True)
class ClassSettings:
    """What a session shows: models and map methods, by name. Without models there is one vote, and no map."""

    models: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if max(len(self.models), len(self.methods)) > MOST_CHOSEN:
            raise InputError(f"A session shows at most {MOST_CHOSEN} models and methods: choose fewer.")

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that each cell goes through, in order."""
        without = {MODELS, AGAIN, MAPS} if not self.models else {MAPS} if not self.methods else set()
        return tuple(step for step in STEPS if step not in without)

    def to_json(self) -> str:
        """As the database keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ClassSettings:
        """Read what `to_json` wrote."""
        found = json.loads(text)
        return cls(tuple(found["models"]), tuple(found["methods"]))


def reached(step: str, wanted: str) -> bool:
    """Whether a cell at `step` has come to `wanted`, or is past it."""
    return STEPS.index(step) >= STEPS.index(wanted)


def following(position: int, step: str, steps: Sequence[str], cells: int) -> tuple[int, str] | None:
    """The position and step after this one in a deck of `cells`; None where the session is at its end."""
    if position == LOBBY:
        return 0, steps[0]
    place = steps.index(step) + 1
    if place < len(steps):
        return position, steps[place]
    return (position + 1, steps[0]) if position + 1 < cells else None
