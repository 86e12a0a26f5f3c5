"""`train-finder`: train the small network that finds white cells in photographs, and write its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from core.cli.common import AsJson, emit, reports_bad_input, say, writable
from core.errors import InputError
from core.training.finder import FinderPlan, train_finder, write_finder

PLAN = FinderPlan()


@reports_bad_input
def train_the_finder(
    data: Annotated[Path, typer.Option("--data", envvar="LEUKOLENS_DATA", help="Folder of the known sets.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the weights and their card.")] = Path("out/finder"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed and machine give the same weights.")] = 0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, max=1000, help="How often.")] = PLAN.epochs,
    simulated: Annotated[int, typer.Option("--simulated", min=0, help="Simulated photographs.")] = PLAN.simulated,
    raabin: Annotated[int, typer.Option("--raabin", min=0, help="Raabin-WBC's crops, at most.")] = PLAN.raabin,
    pbc: Annotated[int, typer.Option("--pbc", min=0, help="PBC's crops, at most.")] = PLAN.pbc,
    as_json: AsJson = False,
) -> None:
    """Train the network of `count` on half of BCCD's photographs, crops of Raabin-WBC and PBC, and simulated smears.

    Needs bccd, and raabin and pbc unless their numbers are 0. The other half of BCCD is read once, for the figures.
    """
    if not data.is_dir():
        raise InputError(f"{data} is no folder. Name that of the known sets with --data.")
    plan = FinderPlan(seed=seed, epochs=epochs, simulated=simulated, raabin=raabin, pbc=pbc)
    torch.set_num_threads(1)  # sums in one order, so that a seed gives one network whatever the number of cores
    with writable(out):
        network, card = train_finder(data, plan, say)
        write_finder(out, network, card)
    lines = [
        f"{figures.data}: recall {figures.recall:.1%}, precision {figures.precision:.1%} "
        f"({figures.cells} cells on {figures.photographs} photographs)"
        for figures in card.figures
    ]
    emit(card.model_dump(mode="json"), [*lines, f"written to {out}"], as_json)
