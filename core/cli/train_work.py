"""What `train` does: one run, or one for each fold, supervised from its first to its last step."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.card import ModelCard, read_card
from core.data.datasets import read_data
from core.errors import InputError
from core.plain_files import write_whole
from core.runs.directory import RunDirectory
from core.runs.fit import check_sizes
from core.training.diverged import Diverged
from core.training.divided import Division, find_groups, warning_box
from core.training.folds import FOLDS, summary, table
from core.training.initial import check_weights
from core.training.processes import rank
from core.training.recipe import Recipe
from core.training.record import begin, begun, check, recorded_recipe, resume
from core.training.supervision import Cancelled, logged, supervised

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What was asked for on the command line."""

    recipe: Recipe
    place: Path
    dataset: str
    run: Path
    out: Path | None
    cache: Path
    devices: int = 1
    leak_check: bool = True
    in_line: bool = False
    resume: bool = False


@dataclass(frozen=True)
class Result:
    """What the command prints: a document for --json, lines for people."""

    document: Any
    lines: list[str]


def train_all(order: Order, say: Tell) -> Result | None:
    """Train what was ordered, in a directory that this process holds; None in all processes but the first."""
    directory = RunDirectory(order.run)
    if rank() > 0:
        if _ended(order, directory) is None:
            _work(order, directory, lambda _: None)
        return None
    try:
        with directory.hold():
            return _held(order, directory, say)
    except Cancelled as cancelled:
        raise SystemExit(128 + cancelled.number) from None


def _held(order: Order, directory: RunDirectory, say: Tell) -> Result | None:
    """Train in a directory that this process holds; what ended an earlier run stays told if this one is refused."""
    ended = _ended(order, directory)
    if ended is not None:
        say(f"This run is done already: {order.out or order.run / 'model'}")
        return _told(ended)
    status = directory.status()
    if status is not None and not status.active:
        check(order.recipe, order.run, order.resume)
    with supervised(directory):
        directory.report(state="preparing", message="Reading the images", epoch=0, step=0, next_step=None)
        with _turn(order, directory, say):
            return _work(order, directory, logged(say, directory))


def _turn(order: Order, directory: RunDirectory, say: Tell) -> Any:
    if not order.in_line:
        return nullcontext()
    import torch

    from core.runs.turn import claimed_devices, turn

    return turn(directory, claimed_devices(range(order.devices) if torch.cuda.is_available() else ()), say)


def _ended(order: Order, directory: RunDirectory) -> ModelCard | None:
    """The card of a run that is resumed although it is done, by the same recipe; None otherwise."""
    status, card = directory.status(), (order.out or order.run / "model") / "card.json"
    if not (order.resume and status is not None and status.state == "done" and card.is_file()):
        return None
    same = begun(order.run) and recorded_recipe(order.run) == order.recipe
    return read_card(card) if same else None


def _work(order: Order, directory: RunDirectory, tell: Tell) -> Result | None:
    check_sizes(order.recipe)
    _check_out(order.out)
    data = read_data(order.place, order.dataset)
    for note in data.notes:
        tell(note)
    if rank() == 0 and not order.resume:
        check_weights(order.recipe, data.classes)
    split = order.recipe.split
    groups = find_groups(data, split, order.leak_check and rank() == 0, order.cache, tell)
    division = Division(data, split, groups)
    if split.folds:
        return _folds(order, division, directory, tell)
    card = _one(order, division, directory, None, tell)
    return None if card is None else _told(card)


def _quieten() -> None:
    """Hear nothing of Lightning below an error; it turns itself up when it is imported, so that this comes later."""
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _check_out(out: Path | None) -> None:
    """InputError now, not after hours of training, where the model's folder cannot be made or written to."""
    if out is None:
        return
    there = next(place for place in (out.absolute(), *out.absolute().parents) if os.path.lexists(place))
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"No model can be written to {out}: {there} is no folder that can be written to.")


def _one(order: Order, division: Division, directory: RunDirectory, fold: int | None, tell: Tell) -> ModelCard | None:
    """One run, or one fold of it, to its model folder."""
    from core.training.finish import finish
    from core.training.run import Job, run_training

    _quieten()
    data, leak = division.sides(fold)
    if leak and rank() == 0:
        tell(warning_box(leak))
        directory.report(message=leak)
    for note in data.notes[len(division.data.notes) :]:
        tell(note)
    place = order.place if order.place.is_dir() else order.place.parent
    job = Job(order.recipe, data, directory, order.cache, tell, order.resume, order.devices, place, leak)
    trained = run_training(job)
    out = order.out or directory.path / "model"
    return finish(job, trained, out) if rank() == 0 else None


def _folds(order: Order, division: Division, directory: RunDirectory, tell: Tell) -> Result | None:
    """Every fold in a directory of its own; those that are done are not done again."""
    if rank() == 0:
        (resume if order.resume else begin)(order.recipe, order.run)
    cards = []
    for fold in range(order.recipe.split.folds):
        run = RunDirectory(order.run / f"fold-{fold + 1}")
        words = f"Fold {fold + 1} of {order.recipe.split.folds}"
        tell(words)
        resumed = begun(run.path)
        out = order.out / f"fold-{fold + 1}" if order.out else None
        one = replace(order, run=run.path, out=out, resume=resumed)
        ended = _ended(one, run) if resumed else None
        if ended is None and rank() == 0:
            with run.hold(), supervised(run), _of_all_folds(words):
                run.report(state="preparing", message=words, epoch=0, step=0, next_step=None)
                directory.report(state="training", message=words)
                ended = _one(one, division, run, fold, tell)
        elif ended is None:
            ended = _one(one, division, run, fold, tell)
        cards.append(ended)
    if rank() > 0:
        return None
    document = summary([card for card in cards if card is not None])
    write_whole(order.run / FOLDS, json.dumps(document, indent=2, allow_nan=False).encode())
    return Result(document, table(document))


@contextmanager
def _of_all_folds(words: str) -> Iterator[None]:
    """Folds are comparable only where all were trained alike: one that diverges is no reason to change its rate."""
    try:
        yield
    except Diverged as error:
        raise InputError(
            f"{words}: the loss became no finite number. All folds need one learning rate: begin again in another "
            "folder, with --run and a smaller --learning-rate (a tenth, say)."
        ) from error


def _told(card: ModelCard) -> Result:
    test = card.test
    line = f"{card.title}: test accuracy {test.accuracy:.2%} on {test.images:,} images" if test else card.title
    return Result(card.model_dump(mode="json"), [line])
