"""One training run: a directory that holds its recipe, its state after every epoch and its history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from core.classes import CLASSES
from core.data.datasets import Dataset
from core.data.pack import Pack, pack_simulated, pack_table
from core.errors import InputError
from core.models.registry import architecture
from core.models.staged import StagedNetwork, fold_batch_norm
from core.training.batches import CellData
from core.training.callbacks import callbacks
from core.training.module import CellModule, kept_network
from core.training.recipe import Recipe, checked_recipe

Tell = Callable[[str], None]


@dataclass(frozen=True)
class TrainedRun:
    """What a finished run leaves: the best network in evaluation mode, and what it was trained and judged on."""

    network: StagedNetwork
    train: Pack
    validation: Pack
    epochs: int
    precision: str


def build_network(recipe: Recipe) -> StagedNetwork:
    """Build the recipe's architecture as it is trained (VGG-19 with batch normalisation where the recipe says so)."""
    options: dict[str, Any] = {"batch_norm": True} if recipe.batch_norm else {}
    if recipe.batch_norm and recipe.architecture != "vgg19":
        raise InputError("batch_norm = true is for vgg19 alone; the other architectures have theirs built in.")
    torch.manual_seed(recipe.seed)
    imagenet = recipe.weights == "imagenet"
    return architecture(recipe.architecture).build(len(CLASSES), imagenet=imagenet, **options)


def precision(recipe: Recipe) -> str:
    """bf16 where the recipe asks for it and the processor or GPU has it, else float32."""
    has = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16-mixed" if recipe.bf16 and has else "32-true"


def packs(recipe: Recipe, data: Dataset, cache: Path, tell: Tell) -> tuple[Pack, Pack]:
    """Training images (real, then simulated) and validation images, framed as the recipe says."""
    framing = recipe.data.framing
    train = pack_table(data.split("train"), framing, cache, tell)
    if recipe.data.simulated:
        train = train + pack_simulated(recipe.data.simulated, recipe.data.simulated_seed, framing, cache, tell)
    return train, pack_table(data.split("val"), framing, cache, tell)


def run_training(recipe: Recipe, data: Dataset, run: Path, cache: Path, tell: Tell, resume: bool) -> TrainedRun:
    """Train by `recipe` in the directory `run`; with `resume`, go on after the last finished epoch."""
    architecture(recipe.architecture)
    for split in ("train", "val"):
        data.split(split)
    _prepare(recipe, run, resume)
    train, validation = packs(recipe, data, cache, tell)
    module = CellModule(build_network(recipe).to(memory_format=torch.channels_last), recipe, len(CLASSES))
    last = run / "last.ckpt"
    trainer = pl.Trainer(
        max_epochs=recipe.epochs,
        precision=precision(recipe),  # type: ignore[arg-type]
        callbacks=callbacks(recipe, run),
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        gradient_clip_val=5.0,
        default_root_dir=run,
    )
    resumed = last if resume and last.is_file() else None
    tell(f"Training {recipe.architecture} on {len(train.labels)} images, {recipe.epochs} epochs at most.")
    trainer.fit(module, datamodule=CellData(train, validation, recipe), ckpt_path=resumed, weights_only=True)
    network = best_network(recipe, run)
    return TrainedRun(network, train, validation, trainer.current_epoch, precision(recipe))


def best_network(recipe: Recipe, run: Path) -> StagedNetwork:
    """Read the best epoch's averaged weights back, batch normalisation folded where it was added for training."""
    best = run / "best.ckpt"
    if not best.is_file():
        raise InputError(f"{run} holds no finished epoch of the last stage: resume the run with --resume.")
    module = CellModule(build_network(recipe), recipe, len(CLASSES))
    module.load_state_dict(torch.load(best, map_location="cpu", weights_only=True)["state_dict"])
    network = kept_network(module).eval()
    assert isinstance(network, StagedNetwork)
    return fold_batch_norm(network) if recipe.batch_norm else network


def _prepare(recipe: Recipe, run: Path, resume: bool) -> None:
    """Make the run's directory, or check that the one to resume was begun with the same recipe.

    A resumed run may have a longer last stage or further stages: one that ended too early is prolonged.
    """
    record = run / "recipe.json"
    if resume:
        if not record.is_file():
            raise InputError(f"{run} is no run to resume: it holds no recipe.json.")
        if not _continues(_recorded(record), recipe):
            raise InputError(
                f"{run} was begun with another recipe. Resume it with the same one (a longer last stage or "
                "further stages are allowed), or start a new run."
            )
        record.write_text(recipe.model_dump_json(indent=2))
        return
    if record.is_file():
        raise InputError(f"{run} holds a run already. Go on with --resume, or name another folder with --run.")
    run.mkdir(parents=True, exist_ok=True)
    record.write_text(recipe.model_dump_json(indent=2))


def _recorded(record: Path) -> Recipe:
    try:
        return checked_recipe(json.loads(record.read_bytes()), str(record))
    except ValueError as error:
        raise InputError(f"{record} is damaged: start a new run.") from error


def _continues(begun: Recipe, recipe: Recipe) -> bool:
    """Whether `recipe` is the one begun, but for a longer last stage or stages that follow."""
    last = len(begun.stages) - 1
    if len(recipe.stages) <= last or recipe.stages[last].epochs < begun.stages[last].epochs:
        return False
    prolonged = begun.stages[last].model_copy(update={"epochs": recipe.stages[last].epochs})
    return begun.model_copy(update={"stages": (*begun.stages[:last], prolonged)}) == recipe.model_copy(
        update={"stages": recipe.stages[: last + 1]}
    )
