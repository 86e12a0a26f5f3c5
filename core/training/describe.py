"""The card of a freshly trained network, as far as it stands before anything is measured."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version

import pandas as pd
import torch

from core.card import ModelCard, Novelty, TrainingFacts
from core.classes import CLASSES
from core.data.pack import Pack
from core.data.split import SplitRecipe
from core.models.registry import architecture
from core.training.recipe import Recipe
from core.training.record import BEST
from core.training.run import Job, TrainedRun
from core.training.state_files import read_state

NOT_MEDICAL = "Not a medical device: for teaching and for auditing models, not for diagnosis."
ONE_STAIN = (
    "Trained on one hospital's stain and camera; on other stains expect the lower figures given for unseen stains."
)
FEW_STAINS = "Trained on few stains and cameras; on others expect the lower figures given for unseen stains."
FIVE = "Knows five classes. Immature and abnormal cells are named one of the five, or called unfamiliar at best."
SOURCES = {
    "pbc": (
        "PBC: Acevedo et al. 2020, doi 10.17632/snkd93bnjr, CC BY 4.0",
        "Published split: Tsutsui et al. 2023 (WBCAtt), MIT",
    ),
    "kaggle": ("Kaggle Blood Cell Images (Mooney 2018), MIT; its originals are BCCD, MIT",),
    "bccd": ("BCCD, MIT",),
}


def described(job: Job, trained: TrainedRun) -> ModelCard:
    """The card: what the network is, how it was trained, where it ends."""
    recipe = job.recipe
    kind = architecture(recipe.architecture)
    return ModelCard(
        name=kind.name if job.data.classes == CLASSES else _named(f"{kind.name}-{job.data.name}"),
        title=kind.title,
        architecture=kind.name,
        classes=job.data.classes,
        input_size=recipe.stages[-1].size,
        framing=recipe.data.framing,
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        weights_mb=1.0,
        weights_sha256="0" * 64,
        published_millions=kind.published_millions,
        temperature=1.0,
        novelty=Novelty(threshold=1e9, quantile=0.99),
        training=_facts(job, trained),
        sources=tuple(line for name in (job.data.name, *recipe.data.also) for line in SOURCES.get(name, ())),
        limits=_limits(job),
    )


def set_title(job: Job) -> str:
    """The set's title, without the words on its own split where another one was drawn."""
    given = job.recipe.split.kind == "given" and not job.recipe.split.folds
    return job.data.title if given else job.data.title.partition(",")[0]


def _named(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower())[:64]


def split_words(split: SplitRecipe) -> str:
    """How the images were divided, in words."""
    by = " by photograph" if split.group_by == "photograph" else ""
    if split.folds:
        return f"{split.folds} folds{by}, seed {split.seed}"
    if split.kind == "random":
        strata = " within each class" if split.stratify else ""
        return f"random{strata}{by}, {split.validation:.0%} validation, {split.test:.0%} test, seed {split.seed}"
    return "the set's own"


def _facts(job: Job, trained: TrainedRun) -> TrainingFacts:
    recipe, run = job.recipe, job.directory.path
    history = pd.read_csv(run / "history.csv")
    share = recipe.trained_share
    kept = f"; in the result {share:.0%} trained and {1 - share:.0%} first weights" if share < 1 else ""
    often = f" (each image {recipe.data.also_times} times)" if recipe.data.also_times > 1 else ""
    further = f", with {', '.join(recipe.data.also)}{often}" if recipe.data.also else ""
    return TrainingFacts(
        recipe=recipe.name,
        data=f"{set_title(job)}: train split{further}; best epoch by its validation split",
        data_fingerprint=trained.train.fingerprint,
        images=images_of(trained.train, recipe),
        simulated_images=recipe.data.simulated,
        initial_weights=trained.origin + kept,
        seed=recipe.seed,
        epochs=len(history),
        seconds=round(float(history["seconds"].sum()), 1),
        precision=trained.precision,
        machine=_machine(job.devices),
        versions={name: version(name) for name in ("torch", "torchvision", "pytorch-lightning")},
        split=split_words(recipe.split),
        leak=job.leak,
        best_epoch=int(read_state(run / BEST)["epoch"]) + 1,
        skipped_images=len(trained.train.skipped),
    )


def images_of(train: Pack, recipe: Recipe) -> int:
    """How many real images were trained on, each counted once."""
    own = int((train.kept >= 0).sum())
    return own + (len(train.labels) - own - recipe.data.simulated) // recipe.data.also_times


def _machine(devices: int) -> str:
    if torch.cuda.is_available():
        return f"{devices} x {torch.cuda.get_device_name()}"
    together = f"{devices} processes of " if devices > 1 else ""
    threads = torch.get_num_threads()
    return f"{together}{threads} thread{'s' if threads > 1 else ''}, {platform.machine()}"


def _limits(job: Job) -> tuple[str, ...]:
    classes = job.data.classes
    known = FIVE if classes == CLASSES else f"Knows {len(classes)} classes: {', '.join(classes)}. It knows no other."
    limits = (NOT_MEDICAL, FEW_STAINS if job.recipe.data.also else ONE_STAIN, known)
    return (*limits, f"Its test figures are too high: {job.leak}") if job.leak else limits
