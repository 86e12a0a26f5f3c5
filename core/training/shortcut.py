"""Trains the tiny network of the lesson on shortcuts, measures how it fails, and what an audit's probe says."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from core.audit.run import AuditOrder, run_audit
from core.classes import CLASSES
from core.evaluation.metrics import card_score
from core.files import write_whole
from core.lessons.shortcut import (
    FIGURES,
    MARKED,
    TWIN,
    Marks,
    Rgb,
    ShortcutFigures,
    marked_as,
    shortcut_cells,
)
from core.models.card import ModelCard, TrainingFacts
from core.models.checkpoints import load_classifier, save_classifier
from core.models.classifier import Classifier, to_tensor
from core.models.registry import architecture
from core.models.staged import StagedNetwork

ARCHITECTURE = "tiny_cnn"
TEST = 10_000_000  # first number of cells that training does not see
BATCH = 32
LIMITS = (
    "Right for the wrong reason, on purpose: it tells monocytes by a green dot that those it learnt from carry.",
    "Trained on simulated cells alone. It is for the lesson on shortcuts; use it for nothing else.",
)

Tell = Callable[[str], None]
Cells = list[tuple[str, Rgb, Rgb]]


@dataclass(frozen=True)
class ShortcutPlan:
    """How many cells it is trained on and measured with, for how long, and from which seed."""

    seed: int = 0
    cells: int = 1200
    test: int = 400
    epochs: int = 8
    learning_rate: float = 3e-3


def train_shortcut(folder: Path, plan: ShortcutPlan, tell: Tell) -> ShortcutFigures:
    """Draw the cells, train, measure, and write model folder and figures; the same plan gives the same weights on the
    same machine."""
    started = time.monotonic()
    training = _drawn(plan.seed * 1_000_000, plan.cells, tell)
    network = _fitted(training, plan, tell)
    test = _drawn(TEST, plan.test, tell)
    card = _card(plan, network, training, time.monotonic() - started)
    named = _named(Classifier("shortcut", card, network, card.weights_sha256), test, "as trained")
    score = card_score("simulated cells, monocytes marked", _labels(test), named, CLASSES)
    card = card.model_copy(update={"test": score})
    save_classifier(folder, card, network)
    figures = _measured(folder, test)
    write_whole(folder / FIGURES, (figures.model_dump_json(indent=2) + "\n").encode())
    return figures


def _drawn(first: int, count: int, tell: Tell) -> Cells:
    found: Cells = []
    for one in shortcut_cells(first, count):
        found.append(one)
        if len(found) % 200 == 0 or len(found) == count:
            tell(f"{len(found)} of {count} cells drawn")
    return found


def _labels(cells: Cells) -> NDArray[np.int64]:
    return np.array([CLASSES.index(label) for label, _, _ in cells], dtype=np.int64)


def _pictures(cells: Cells, marks: Marks) -> list[Rgb]:
    return [marked_as(marks, *cell) for cell in cells]


def _fitted(cells: Cells, plan: ShortcutPlan, tell: Tell) -> StagedNetwork:
    """Fit a new network with one generator for its weights and for the order of the cells."""
    kind = architecture(ARCHITECTURE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network = kind.build(len(CLASSES))
    random = torch.Generator().manual_seed(plan.seed)
    inputs, labels = to_tensor(_pictures(cells, "as trained"), kind.input_size), torch.from_numpy(_labels(cells))
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    steps = plan.epochs * (len(cells) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps)
    for epoch in range(plan.epochs):
        loss = _epoch(network.train(), inputs, labels, random, optimiser, schedule)
        tell(f"epoch {epoch + 1} of {plan.epochs}: loss {loss:.4f}")
    return network.eval().requires_grad_(False)


def _epoch(
    network: StagedNetwork, inputs: Tensor, labels: Tensor, random: torch.Generator, optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:  # fmt: skip
    losses = []
    order = torch.randperm(len(inputs), generator=random)
    for rows in order[: len(order) // BATCH * BATCH].reshape(-1, BATCH):
        loss = nn.functional.cross_entropy(network(inputs[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _named(classifier: Classifier, cells: Cells, marks: Marks) -> NDArray[np.int64]:
    answers = classifier.predict(_pictures(cells, marks))
    return np.array([CLASSES.index(one.predicted) for one in answers], dtype=np.int64)


def _measured(folder: Path, cells: Cells) -> ShortcutFigures:
    """The figures of the weights as they were written."""
    classifier, labels, marked = load_classifier(folder), _labels(cells), CLASSES.index(MARKED)
    named: dict[Marks, NDArray[np.int64]] = {
        "as trained": _named(classifier, cells, "as trained"),
        "none": _named(classifier, cells, "none"),
        "every": _named(classifier, cells, "every"),
    }
    won = {
        name: float((named["every"][labels == number] == marked).mean())
        for number, name in enumerate(CLASSES)
        if name != MARKED
    }
    return ShortcutFigures(
        images=len(cells),
        as_trained=float((named["as trained"] == labels).mean()),
        kept=float((named["none"][labels == marked] == marked).mean()),
        won=won,
        frame=_told_by_frame(folder, cells),
    )


def _told_by_frame(folder: Path, cells: Cells) -> float:
    """The AUC by which an audit's probe tells monocytes from the colour of the border alone."""
    with TemporaryDirectory() as place:
        for number, (label, plain, marked) in enumerate(cells):
            (Path(place) / "set" / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(marked_as("as trained", label, plain, marked)).save(f"{place}/set/{label}/{number}.png")
        order = AuditOrder((folder,), Path(place) / "audit", Path(place) / "set", steps=("shortcuts",))
        report = run_audit(order, lambda _: None)
    (table,) = report.results[0].tables
    row = next(row for row in table.rows if row[0] == MARKED)
    return float(row[table.heads.index("border colour")])


def _card(plan: ShortcutPlan, network: StagedNetwork, cells: Cells, seconds: float) -> ModelCard:
    kind = architecture(ARCHITECTURE)
    facts = TrainingFacts(
        recipe="train-shortcut",
        data=f"simulated cells; {MARKED} and {TWIN} halfway between the two, every {MARKED} with a green dot",
        data_fingerprint=hashlib.sha256(b"".join(one.tobytes() for one in _pictures(cells, "as trained"))).hexdigest(),
        images=0,
        simulated_images=plan.cells,
        initial_weights="none",
        seed=plan.seed,
        epochs=plan.epochs,
        seconds=round(seconds, 1),
        precision="float32",
        machine="processor",
        versions={name: version(name) for name in ("torch", "numpy")},
        leak="",
    )
    return ModelCard(
        name="shortcut",
        title="Tiny CNN with a shortcut",
        architecture=kind.name,
        classes=CLASSES,
        input_size=kind.input_size,
        framing="frame",
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        weights_mb=0.1,
        weights_sha256="0" * 64,
        temperature=1.0,
        training=facts,
        limits=LIMITS,
    )
