"""`train-shortcut`: train the tiny network of the lesson on shortcuts, and write its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from core.cli.common import AsJson, emit, reports_bad_input, say, writable
from core.training.shortcut import ShortcutPlan, train_shortcut

PLAN = ShortcutPlan()


@reports_bad_input
def train_the_shortcut(
    out: Annotated[Path, typer.Option("--out", help="Folder for model and figures.")] = Path("out/shortcut"),
    seed: Annotated[int, typer.Option("--seed", min=0, max=9, help="Draws cells and weights.")] = PLAN.seed,
    cells: Annotated[int, typer.Option("--cells", min=100, max=100_000, help="To train on.")] = PLAN.cells,
    test: Annotated[int, typer.Option("--test", min=50, max=100_000, help="To measure with.")] = PLAN.test,
    epochs: Annotated[int, typer.Option("--epochs", min=1, max=100, help="How often.")] = PLAN.epochs,
    as_json: AsJson = False,
) -> None:
    """Train the network of the lesson “A shortcut” on simulated cells in which one class carries a mark.

    Takes some minutes on two cores. The same seed gives the same weights on the same kind of machine.
    """
    torch.set_num_threads(1)  # sums in one order, so that a seed gives one network whatever the number of cores
    with writable(out):
        figures = train_shortcut(out, ShortcutPlan(seed=seed, cells=cells, test=test, epochs=epochs), say)
    won = ", ".join(f"{name} {share:.0%}" for name, share in figures.won.items())
    lines = [
        f"Right with the mark where training had it: {figures.as_trained:.1%} of {figures.images} cells",
        f"Monocytes still named so without it: {figures.kept:.0%}",
        f"Named monocyte once they carry it: {won}",
        f"The border's colour alone tells monocytes with an AUC of {figures.frame:.3f}",
        f"written to {out}",
    ]
    emit(figures.model_dump(mode="json"), lines, as_json)
