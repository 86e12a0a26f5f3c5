"""Where a training run stands, as its `status.json` tells it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_TEXT = 4000

State = Literal["waiting", "preparing", "training", "finishing", "done", "failed", "cancelled"]
ACTIVE: tuple[State, ...] = ("waiting", "preparing", "training", "finishing")


def _shortened(value: object) -> object:
    return value[: LONGEST_TEXT - 1] + "…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value


Text = Annotated[str, BeforeValidator(_shortened)]
Count = Annotated[int, Field(ge=0, le=10**12)]


class RunStatus(BaseModel):
    """What a run is doing: `epoch` counts finished epochs, `step` the batches of the present one.

    Times are seconds since 1970; `next_step` is a sentence or a command that tells how to go on.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    state: State = "preparing"
    message: Text = ""
    pid: Count = 0
    started: float = Field(default=0.0, ge=0, le=1e11)
    updated: float = Field(default=0.0, ge=0, le=1e11)
    epoch: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps: Count = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    error: Text | None = None
    next_step: Text | None = None

    @property
    def active(self) -> bool:
        """Whether the run said of itself that it goes on."""
        return self.state in ACTIVE
