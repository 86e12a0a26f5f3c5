"""`train`: train a model by a recipe, and write its folder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from core.card import ModelCard
from core.cli.models import AsJson
from core.cli.output import emit, reports_bad_input, say
from core.data.datasets import KNOWN, Dataset, read_dataset
from core.errors import InputError
from core.training.recipe import Recipe, checked_recipe, read_recipe

Data = Annotated[Path | None, typer.Option("--data", envvar="LEUKOLENS_DATA", help="Folder that holds the data sets.")]
DatasetName = Annotated[str, typer.Option("--dataset", help=f"{', '.join(KNOWN)}, or folder for class folders.")]


@reports_bad_input
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or the path of a .toml file.")],
    data: Data = None,
    architecture: Annotated[str | None, typer.Option("--architecture", help="Overrides the recipe's.")] = None,
    dataset: DatasetName = "pbc",
    out: Annotated[
        Path | None, typer.Option("--out", help="Model folder to write. Default: in the run folder.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder. Default: runs/<recipe>-<architecture>.")
    ] = None,
    cache: Annotated[Path, typer.Option("--cache", help="Where framed copies of the images are kept.")] = Path(
        ".cache"
    ),
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Overrides the recipe's.")] = None,
    simulated: Annotated[int | None, typer.Option("--simulated", min=0, help="Number of simulated cells.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train, keep the best epoch, measure it on the test split and on unseen stains, write weights and card."""
    chosen = _overridden(read_recipe(recipe, architecture), seed, simulated)
    if data is None:
        raise InputError("Where are the images? Name their folder with --data or LEUKOLENS_DATA.")
    folder = run or Path("runs") / f"{chosen.name}-{chosen.architecture}"
    card = _train(chosen, read_dataset(dataset, data), data, folder, out or folder / "model", cache, resume)
    test = card.test
    line = f"{card.title}: test accuracy {test.accuracy:.2%} on {test.images} images" if test else card.title
    emit(card.model_dump(mode="json"), [line], as_json)


def _overridden(recipe: Recipe, seed: int | None, simulated: int | None) -> Recipe:
    document = recipe.model_dump()
    if seed is not None:
        document["seed"] = seed
    if simulated is not None:
        document["data"]["simulated"] = simulated
    return checked_recipe(document, "the options")


def _train(recipe: Recipe, data: Dataset, root: Path, run: Path, out: Path, cache: Path, resume: bool) -> ModelCard:
    from core.training.finish import finish
    from core.training.run import run_training

    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    trained = run_training(recipe, data, run, cache, say, resume)
    return finish(recipe, trained, data, root, run, out, say)
