"""How long a training will take, roughly, before it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.runs.pace import Pace
from core.training.recipe import Recipe, StageRecipe

PaceOf = Callable[[int, int], Pace | None]


@dataclass(frozen=True)
class Estimate:
    """`seconds` if no early stopping ends it; `measured` on this machine, at `when` (s since 1970) and longest ago.

    `may_stop_early` where the recipe has a patience that is shorter than its last stage.
    """

    seconds: float
    may_stop_early: bool
    measured: bool
    when: float
    machine: str


def estimate(recipe: Recipe, train: int, validation: int, pace_of: PaceOf, devices: int = 1) -> Estimate | None:
    """Estimate a training on so many images of the set; `pace_of(size, batch)` tells what one costs.

    Images an epoch, times epochs, times cost, over the stages; each epoch judges the validation images once. Reading
    the images, which is done once for each set and framing, is not in it. None where a stage's pace is not known.
    """
    paces = [pace_of(stage.size, stage.batch_size) for stage in recipe.stages]
    known = [pace for pace in paces if pace is not None]
    if len(known) < len(paces):
        return None
    images = train + recipe.data.simulated
    parts = [_stage_seconds(stage, pace, images, validation) for stage, pace in zip(recipe.stages, known, strict=True)]
    return Estimate(
        seconds=sum(parts) / max(1, devices),
        may_stop_early=0 < recipe.patience < recipe.stages[-1].epochs,
        measured=all(pace.when for pace in known),
        when=min(pace.when for pace in known),
        machine=known[0].machine,
    )


def pairs(recipe: Recipe) -> tuple[tuple[int, int], ...]:
    """The input sizes and batch sizes whose pace an estimate needs."""
    return tuple(dict.fromkeys((stage.size, stage.batch_size) for stage in recipe.stages))


def _stage_seconds(stage: StageRecipe, pace: Pace, images: int, validation: int) -> float:
    return stage.epochs * ((stage.samples or images) * pace.train + validation * pace.judge)
