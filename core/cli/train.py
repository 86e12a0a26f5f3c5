"""`train`: train a model by a recipe, and write its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli.common import AsJson, emit, reports_bad_input, say
from core.data.datasets import KINDS, default_kind
from core.errors import InputError
from core.runs.directory import default_runs
from core.settings import assignments
from core.training.recipe import RECIPE_FORM, read_recipe
from core.training.session import TrainOptions, train_all

Data = Annotated[Path | None, typer.Option("--data", envvar="LEUKOLENS_DATA", help="Folder or .csv of the images.")]
Recipes = Annotated[str, typer.Argument(help="Name of a shipped recipe, or the path of a .toml file.")]
STAGE_HELP = "of every stage; overrides the recipe's."


@reports_bad_input
def train(
    recipe: Recipes,
    data: Data = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help=f"{', '.join(KINDS)}. Default: pbc, else auto.")
    ] = None,
    architecture: Annotated[str | None, typer.Option("--architecture", help="Overrides the recipe's.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help=f"Epochs {STAGE_HELP}")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help=f"Batch size {STAGE_HELP}")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help=f"Learning rate {STAGE_HELP}")] = None,
    size: Annotated[int | None, typer.Option("--size", help=f"Input side in px {STAGE_HELP}")] = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help=f"Images an epoch {STAGE_HELP}")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Overrides the recipe's.")] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="none, imagenet, a checkpoint's name or folder, a .safetensors.")
    ] = None,
    split: Annotated[
        Literal["given", "random"] | None, typer.Option("--split", help="The set's own split, or one drawn by us.")
    ] = None,
    group_by: Annotated[
        Literal["none", "photograph"] | None,
        typer.Option("--group-by", help="photograph: copies of one photograph never stand on two sides."),
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", min=0, help="k-fold cross-validation.")] = None,
    framing: Annotated[
        Literal["cell", "frame", "islam"] | None, typer.Option("--framing", help="What part of a picture goes in.")
    ] = None,
    simulated: Annotated[int | None, typer.Option("--simulated", min=0, help="Number of simulated cells.")] = None,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", help="A known set that takes no part in training, and tests the model.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of the recipe: key=value, such as augment.zoom=1.2")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Model folder to write. Default: in the run folder.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            "--folder",
            help="Run folder. Default: runs/<recipe>-<architecture>. (torchrun takes --folder alone.)",
        ),
    ] = None,
    cache: Annotated[Path, typer.Option("--cache", help="Where framed copies of the images are kept.")] = Path(
        ".cache"
    ),
    devices: Annotated[
        int, typer.Option("--devices", min=1, max=1024, help="GPUs, or processes without any, that share the work.")
    ] = 1,
    leak_check: Annotated[
        bool, typer.Option("--leak-check/--no-leak-check", help="Look for photographs on several sides of the split.")
    ] = True,
    in_line: Annotated[bool, typer.Option("--in-line", help="Wait until no earlier run wants the device.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train, keep the best epoch, measure it on the test split and on unseen stains, write weights and card.

    Options override the recipe's keys; --set reaches all of them.
    """
    stages = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    stages |= {"size": size, "samples": samples}
    changes: dict[str, Any] = {f"stages.{name}": value for name, value in stages.items()}
    changes |= {"seed": seed, "weights": weights, "split.kind": split, "split.group_by": group_by}
    changes |= {"split.folds": folds, "data.framing": framing, "data.simulated": simulated}
    changes |= {"data.leave_out": leave_out}
    changes = {key: value for key, value in changes.items() if value is not None}
    changes |= assignments(settings or [], RECIPE_FORM)
    chosen = read_recipe(recipe, architecture, changes)
    if data is None:
        raise InputError("Where are the images? Name their folder with --data or LEUKOLENS_DATA.")
    without = f"-without-{chosen.data.leave_out}" if chosen.data.leave_out else ""
    folder = run or default_runs() / f"{chosen.name}-{chosen.architecture}{without}"
    options = TrainOptions(
        recipe=chosen,
        place=data,
        dataset=dataset or default_kind(data),
        run=folder,
        out=out,
        cache=cache,
        devices=devices,
        leak_check=leak_check,
        queued=in_line,
        resume=resume,
    )
    result = train_all(options, say)
    if result is not None:
        emit(result.document, result.lines, as_json)
