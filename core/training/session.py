"""What `train` does: one run, or one for each fold, supervised from its first to its last step. Whatever happens, the
run's directory tells how it ended, and how to go on."""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from core.data.datasets import read_data
from core.errors import InputError
from core.files import remove_partials, write_whole
from core.models.card import ModelCard, read_card
from core.runs.directory import RunDirectory
from core.training.distributed import rank
from core.training.folds import FOLDS, Division, photograph_groups, summary, summary_lines, warning_box
from core.training.module import Diverged
from core.training.recipe import Recipe, check_sizes
from core.training.run_state import DIVERGED, LAST, begin_run, begun, check, continue_run, recorded_recipe
from core.training.weights import check_weights

Tell = Callable[[str], None]

LOG = "log.txt"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Cancelled(BaseException):
    """The process was asked to end, by signal `number`."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"cancelled by {signal.Signals(number).name}")


def logged(tell: Callable[[str], None], directory: RunDirectory) -> Callable[[str], None]:
    """`tell`, and each message into the run's log as well (where that is not stderr itself).

    Before and after the epochs a message of one line is the run's status too, so that whoever watches sees it move.
    """

    def all_three(message: str) -> None:
        tell(message)
        log(directory.path, message)
        status = directory.status()
        if status is not None and status.state in ("preparing", "finishing") and "\n" not in message:
            directory.report(message=message)

    return all_three


def log(run: Path, message: str) -> None:
    """Add to the run's log; a full disk is no reason to stop."""
    try:
        if run.is_dir() and not _is_stderr(run / LOG):
            with (run / LOG).open("a", encoding="utf-8") as file:
                file.write(message.rstrip("\n") + "\n")
    except OSError:
        return


def _is_stderr(path: Path) -> bool:
    try:
        return path.exists() and os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False


@contextmanager
def supervised(directory: RunDirectory) -> Iterator[None]:
    """Report what ends the work inside: done, failed or cancelled. Signals end it as `Cancelled`.

    A process that is not the first reports nothing.
    """
    before = {number: _handle(number, _cancel) for number in SIGNALS}
    if rank() == 0:
        remove_partials(directory.path)
    try:
        yield
        _report(directory, state="done", message="Done.", seconds_left=0.0, error=None, next_step=None)
    except Cancelled as cancelled:
        for number in SIGNALS:
            _handle(number, signal.SIG_IGN)  # once is enough
        kept = "The finished epochs are kept." if any(directory.path.rglob(LAST)) else "No epoch was finished yet."
        words = f"Cancelled ({signal.Signals(cancelled.number).name}). {kept}"
        step = next_step() if begun(directory.path) else "Give the command again."
        _report(directory, state="cancelled", message=words, next_step=step, seconds_left=None)
        log(directory.path, words)
        raise
    except InputError as error:
        _fail(directory, error)
        raise
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            _crash(directory)
            raise
        full = InputError("The disk is full. What was written before is intact: make room and go on with --resume.")
        _fail(directory, full)
        raise full from error
    except Exception:
        _crash(directory)
        raise
    finally:
        for number, handler in before.items():
            _handle(number, handler)


def next_step() -> str:
    """The command that goes on with this run, as it was given, or how to find it."""
    if sys.argv[1:2] != ["train"]:
        return "Give the same command again with --resume."
    words = ["python", "-m", "core", *sys.argv[1:]]
    return shlex.join(words if "--resume" in words else [*words, "--resume"])


def _cancel(number: int, frame: FrameType | None) -> None:
    raise Cancelled(number)


def _handle(number: int, handler: Any) -> Any:
    try:
        return signal.signal(number, handler)
    except ValueError:  # not the main thread: signals are another's business
        return handler


def _report(directory: RunDirectory, **changes: Any) -> None:
    if rank() == 0:
        directory.report(**changes)


def _fail(directory: RunDirectory, error: InputError) -> None:
    step = "Give the command again with --resume and a smaller --learning-rate."
    if isinstance(error, Diverged):
        with suppress(OSError):  # a full disk is no reason to hide what ended the run
            (directory.path / DIVERGED).write_text(str(error), encoding="utf-8")
    else:
        again = f"When that is put right: {next_step()}"
        step = again if begun(directory.path) else "Put that right and give the command again."
    _report(directory, state="failed", message=str(error), error=str(error), next_step=step, seconds_left=None)
    log(directory.path, f"error: {error}")


def _crash(directory: RunDirectory) -> None:
    """An error of ours: the log has its traceback."""
    log(directory.path, traceback.format_exc())
    words = f"The training stopped on an error of its own: {traceback.format_exc().strip().splitlines()[-1][:500]}"
    _report(directory, state="failed", message=words, error=words, next_step=next_step(), seconds_left=None)


@dataclass(frozen=True)
class TrainOptions:
    """What was asked for on the command line."""

    recipe: Recipe
    place: Path
    dataset: str
    run: Path
    out: Path | None
    cache: Path
    devices: int = 1
    leak_check: bool = True
    queued: bool = False
    resume: bool = False


@dataclass(frozen=True)
class Result:
    """What the command prints: a document for --json, lines for people."""

    document: Any
    lines: list[str]


def train_all(options: TrainOptions, say: Tell) -> Result | None:
    """Train what was ordered, in a directory that this process holds; None in all processes but the first."""
    directory = RunDirectory(options.run)
    if rank() > 0:
        if _ended(options, directory) is None:
            _work(options, directory, lambda _: None)
        return None
    try:
        with directory.hold():
            return _held(options, directory, say)
    except Cancelled as cancelled:
        raise SystemExit(128 + cancelled.number) from None


def _held(options: TrainOptions, directory: RunDirectory, say: Tell) -> Result | None:
    """Train in a directory that this process holds; what ended an earlier run stays told if this one is refused."""
    ended = _ended(options, directory)
    if ended is not None:
        say(f"This run is done already: {options.out or options.run / 'model'}")
        return _told(ended)
    status = directory.status()
    if status is not None and not status.active:
        check(options.recipe, options.run, options.resume)
    with supervised(directory):
        directory.report(state="preparing", message="Reading the images", epoch=0, step=0, next_step=None)
        with _queued(options, directory, say):
            return _work(options, directory, logged(say, directory))


def _queued(options: TrainOptions, directory: RunDirectory, say: Tell) -> Any:
    if not options.queued:
        return nullcontext()
    import torch

    from core.runs.device_queue import claimed_devices, wait_in_queue

    return wait_in_queue(directory, claimed_devices(range(options.devices) if torch.cuda.is_available() else ()), say)


def _ended(options: TrainOptions, directory: RunDirectory) -> ModelCard | None:
    """The card of a run that is resumed although it is done, by the same recipe; None otherwise."""
    status, card = directory.status(), (options.out or options.run / "model") / "card.json"
    if not (options.resume and status is not None and status.state == "done" and card.is_file()):
        return None
    same = begun(options.run) and recorded_recipe(options.run) == options.recipe
    return read_card(card) if same else None


def _work(options: TrainOptions, directory: RunDirectory, tell: Tell) -> Result | None:
    check_sizes(options.recipe)
    _check_out(options.out)
    data = read_data(options.place, options.dataset)
    for note in data.notes:
        tell(note)
    if rank() == 0 and not options.resume:
        check_weights(options.recipe, data.classes)
    split = options.recipe.split
    groups = photograph_groups(data, split, options.leak_check and rank() == 0, options.cache, tell)
    division = Division(data, split, groups)
    if split.folds:
        return _folds(options, division, directory, tell)
    card = _one(options, division, directory, None, tell)
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


def _one(
    options: TrainOptions, division: Division, directory: RunDirectory, fold: int | None, tell: Tell
) -> ModelCard | None:
    """One run, or one fold of it, to its model folder."""
    from core.training.export import finish
    from core.training.fit import TrainingJob, run_training

    _quieten()
    data, leak = division.sides(fold)
    if leak and rank() == 0:
        tell(warning_box(leak))
        directory.report(message=leak)
    for note in data.notes[len(division.data.notes) :]:
        tell(note)
    place = options.place if options.place.is_dir() else options.place.parent
    job = TrainingJob(
        options.recipe, data, directory, options.cache, tell, options.resume, options.devices, place, leak
    )
    trained = run_training(job)
    out = options.out or directory.path / "model"
    return finish(job, trained, out) if rank() == 0 else None


def _folds(options: TrainOptions, division: Division, directory: RunDirectory, tell: Tell) -> Result | None:
    """Every fold in a directory of its own; those that are done are not done again."""
    if rank() == 0:
        (continue_run if options.resume else begin_run)(options.recipe, options.run)
    cards = []
    for fold in range(options.recipe.split.folds):
        run = RunDirectory(options.run / f"fold-{fold + 1}")
        words = f"Fold {fold + 1} of {options.recipe.split.folds}"
        tell(words)
        resumed = begun(run.path)
        out = options.out / f"fold-{fold + 1}" if options.out else None
        one = replace(options, run=run.path, out=out, resume=resumed)
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
    write_whole(options.run / FOLDS, json.dumps(document, indent=2, allow_nan=False).encode())
    return Result(document, summary_lines(document))


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
