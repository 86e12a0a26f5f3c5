"""One training run: from a recipe and divided images to the best network, in a directory that can be gone on from."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from core.data.datasets import Dataset, read_data
from core.data.framed_images import SIDE, FramedImages, frame_simulated, frame_table
from core.errors import InputError
from core.models.registry import architecture
from core.models.staged import StagedNetwork, computes_bfloat16, fold_batch_norm
from core.runs.directory import RunDirectory
from core.training import run_state
from core.training.batches import CellData
from core.training.callbacks import WholeFiles, callbacks
from core.training.distributed import first_goes_ahead, join, rank, trainer_options
from core.training.module import CellModule, class_weights
from core.training.recipe import Recipe
from core.training.run_state import BEST, LAST, read_state
from core.training.weights import check_network, initial_network, plain_network, teacher_of, towards_first

Tell = Callable[[str], None]

COPIES = {"kaggle", "bccd"}  # known sets of the same photographs
ONE_VALUE = "Expected more than 1 value per channel"  # what torch says of a batch of one
TRAINED_ON = ("train", "development", "all")  # splits of a further set that join the training side


@dataclass(frozen=True)
class TrainingJob:
    """What to train and where: the recipe, images divided into train, val and test, and the run's directory.

    `place` is the folder of the data, where `data.also` is looked for; `leak` a sentence on photographs that stand on
    several sides; `devices` how many GPUs or processes share the work.
    """

    recipe: Recipe
    data: Dataset
    directory: RunDirectory
    cache: Path
    tell: Tell
    resume: bool = False
    devices: int = 1
    place: Path | None = None
    leak: str | None = None


@dataclass(frozen=True)
class TrainedRun:
    """What a finished run leaves: the best network in evaluation mode, and what it was trained and judged on.

    `origin` tells in words which weights it began with.
    """

    network: StagedNetwork
    train: FramedImages
    validation: FramedImages
    precision: str
    origin: str


def trainer_precision(recipe: Recipe) -> str:
    """bf16 where the recipe asks for it and the processor or GPU has it, else float32; float32 too where a processor is
    faster with it on this architecture.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    slow = device.type == "cpu" and "gradients" in architecture(recipe.architecture).slow_in_bfloat16
    return "bf16-mixed" if recipe.bf16 and computes_bfloat16(device) and not slow else "32-true"


def kept_side(recipe: Recipe) -> int | None:
    """Side in px at which images are kept; None: the framing's own.

    Where nothing is augmented it is the largest input's: the very pixels that a classifier is given later. Shrunk in
    two steps they would be softer, and a network that has seen soft pictures alone loses accuracy on sharp ones.
    """
    largest = max(stage.size for stage in recipe.stages)
    if not any((stage.augment or recipe.augment).on for stage in recipe.stages):
        return largest
    return max(SIDE, largest) if recipe.data.framing == "frame" else None


def framed_sides(job: TrainingJob) -> tuple[FramedImages, FramedImages]:
    """Training images (real, further sets', simulated) and validation images, framed as the recipe says."""
    wanted, data = job.recipe.data, job.data
    side = kept_side(job.recipe)

    def of_table(table: pd.DataFrame, within: pd.DataFrame | None) -> FramedImages:
        return frame_table(table, wanted.framing, job.cache, job.tell, data.classes, side, within=within)

    tables = [_further(name, job) for name in wanted.also if name != wanted.leave_out]
    own = [data.split("train")] if data.name != wanted.leave_out else []
    train = [of_table(table, data.table) for table in own]
    for table in tables:
        train += [of_table(table[table["split"].isin(TRAINED_ON)], None)] * wanted.also_times
    judging = validation_tables(job)
    validation = [of_table(table, data.table if own and table is judging[0] else None) for table in judging]
    if not train or not validation:
        raise InputError(
            f"Without {wanted.leave_out} there is nothing to train and validate with: name further sets in data.also."
        )
    if wanted.simulated:
        count, seed = wanted.simulated, wanted.simulated_seed
        train.append(frame_simulated(count, seed, wanted.framing, job.cache, job.tell, data.classes, side))
    return reduce(add, train), reduce(add, validation)


def validation_tables(job: TrainingJob) -> list[pd.DataFrame]:
    """The validation images of each set that takes part and has some."""
    wanted = job.recipe.data
    taken = [name for name in wanted.also if name != wanted.leave_out]
    tables = [job.data.table] if job.data.name != wanted.leave_out else []
    parts = [table[table["split"] == "val"] for table in (*tables, *(_further(name, job) for name in taken))]
    return [part for part in parts if len(part)]


def _further(name: str, job: TrainingJob) -> pd.DataFrame:
    """The images of a further set that are of the classes trained on."""
    if job.place is None or name == job.data.name:
        raise InputError(f"data.also: {name!r} is the set that is trained on already.")
    if {name, job.data.name} == COPIES:
        raise InputError("data.also: Kaggle's images are copies of BCCD's: one would train what the other tests.")
    table = read_data(job.place, name).table
    return table[table["label"].isin(job.data.classes)]


def run_training(job: TrainingJob) -> TrainedRun:
    """Train by the recipe in the run's directory; with `resume`, go on after the last finished epoch.

    InputError where there is nothing to resume, or where recipe or images are not those that the run was begun with.
    Only the first process (`core.training.distributed.rank`) writes.
    """
    recipe, data, run = job.recipe, job.data, job.directory.path
    check_network(recipe)
    for split in ("train", "val") if data.name != recipe.data.leave_out else ():
        data.split(split)
    if rank() == 0:
        _open_directory(job)
    join()
    with first_goes_ahead():
        train, validation = framed_sides(job)
    state = read_state(run / LAST) if job.resume and (run / LAST).is_file() else None
    origin = str(run_state.recorded_data(run).get("weights", "")) if state is not None else ""
    network = plain_network(recipe, len(data.classes))
    if state is None:
        network, origin = initial_network(recipe, data.classes)
    elif state.get("architecture") != recipe.architecture or state.get("classes") != list(data.classes):
        raise InputError(f"{run / LAST} is the state of another network: a {state.get('architecture')}.")
    if rank() == 0:
        run_state.record_data(run, _facts(job, train, validation, origin))
    weights = class_weights(train.labels, len(data.classes)) if recipe.class_weights else None
    teacher = teacher_of(recipe, data.classes)
    module = CellModule(network.to(memory_format=torch.channels_last), recipe, data.classes, weights, teacher)
    if state is not None:
        run_state.check_whole(state, module.state_dict(), run / LAST)
    _fit(job, module, train, validation, resumed=state is not None)
    network = towards_first(best_network(recipe, run, len(data.classes)), recipe, data.classes, origin)
    return TrainedRun(network, train, validation, trainer_precision(recipe), origin)


def _open_directory(job: TrainingJob) -> None:
    if job.resume:
        run_state.continue_run(job.recipe, job.directory.path)
    else:
        run_state.begin_run(job.recipe, job.directory.path)


def _facts(job: TrainingJob, train: FramedImages, validation: FramedImages, origin: str) -> dict[str, Any]:
    """What `data.json` says."""
    table = job.data.table
    sides = {str(split): table[table["split"] == split] for split in table["split"].unique()}
    counts = {split: rows["label"].value_counts(sort=False).to_dict() for split, rows in sides.items()}
    return {
        "name": job.data.name,
        "title": job.data.title,
        "classes": list(job.data.classes),
        "counts": counts,
        "training_images": len(train.labels),
        "images": {"train": train.fingerprint, "val": validation.fingerprint},
        "skipped": [*train.skipped, *validation.skipped],
        "notes": list(job.data.notes),
        "split": job.recipe.split.model_dump(mode="json"),
        "weights": origin,
        "leak": job.leak,
    }


class _OwnSignals(Callback):
    """Puts back the handlers of SIGTERM and SIGINT that stood before Lightning laid its own over them."""

    def __init__(self) -> None:
        self._handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put them back, where this thread may."""
        for number, handler in self._handlers.items():
            try:
                signal.signal(number, handler)
            except ValueError:  # not the main thread
                return


def _fit(job: TrainingJob, module: CellModule, train: FramedImages, validation: FramedImages, resumed: bool) -> None:
    recipe, run = job.recipe, job.directory.path
    trainer = pl.Trainer(
        **trainer_options(job.devices),  # type: ignore[arg-type]
        max_epochs=recipe.epochs,
        precision=trainer_precision(recipe),  # type: ignore[arg-type]
        callbacks=[_OwnSignals(), *callbacks(recipe, job.directory, len(train.labels))],
        plugins=[WholeFiles()],
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        gradient_clip_val=recipe.clip or None,
        default_root_dir=run,
    )
    job.tell(f"Training {recipe.architecture} on {len(train.labels):,} images, {recipe.epochs} epochs at most.")
    data = CellData(train, validation, recipe, module.n_classes)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=run / LAST if resumed else None, weights_only=True)
    except ValueError as error:
        stop_others(trainer)
        if ONE_VALUE not in str(error):
            raise
        raise InputError(
            "Batch normalisation needs more than one value a channel, and a batch of one small picture has one: train "
            "with a larger --batch-size, or a larger --size."
        ) from error
    except BaseException:
        stop_others(trainer)
        raise


def stop_others(trainer: pl.Trainer) -> None:
    """End the processes that Lightning started beside this one."""
    kill = getattr(trainer.strategy.launcher, "kill", None)
    if kill is not None:
        kill(signal.SIGTERM)


def best_network(recipe: Recipe, run: Path, n_classes: int) -> StagedNetwork:
    """Read the best epoch's averaged weights back, batch normalisation folded where it was added for training."""
    if not (run / BEST).is_file():
        raise InputError(f"{run} holds no finished epoch of the last stage: resume the run with --resume.")
    state = read_state(run / BEST)
    network = plain_network(recipe, n_classes)
    try:
        network.load_state_dict(state["state_dict"])
    except RuntimeError as error:
        raise InputError(f"{run / BEST} is another network's: a {state.get('architecture')}.") from error
    network.eval()
    return fold_batch_norm(network) if recipe.batch_norm else network
