"""What every command shares: one JSON document on stdout, progress on stderr, exit code 2 for bad input; files written
to a folder or a zip; long work that can be stopped. The command `models` comes last."""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from core.errors import InputError
from core.explanation.task import Task

Checkpoints = Annotated[Path | None, typer.Option("--checkpoints", help="Folder of model folders.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]

P = ParamSpec("P")
T = TypeVar("T")
KEPT = "\n\t\u200c\u200d"  # and joiners, which Indian and Persian words need
OFTEN = 0.2  # seconds between two signs of life in a terminal
SELDOM = 15.0  # and in a log


def emit(document: Any, lines: Iterable[str], as_json: bool) -> None:
    """Print `document` as JSON (and nothing else) when `as_json`, else the readable `lines`."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for line in lines:
            typer.echo(for_terminal(line, sys.stdout))


def say(message: str) -> None:
    """Print progress or a remark to stderr, so that stdout stays one document."""
    typer.echo(for_terminal(message, sys.stderr), err=True)


def for_terminal(text: str, stream: Any) -> str:
    """`text` as the terminal behind `stream` can show it: a replacement for letters that it has not, and for control
    characters (a file's name may hold escape sequences) other than line feed and tab.
    """
    harmless = "".join(
        letter if letter.isprintable() or letter in KEPT else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return harmless.encode(encoding, "replace").decode(encoding, "replace")


def progress(items: list[T], label: str) -> Iterator[T]:
    """Yield `items`, telling on stderr how far we are; silent when stderr is not a terminal."""
    shown = sys.stderr.isatty()
    for number, item in enumerate(items, start=1):
        yield item
        if shown:
            typer.echo(f"\r{label} {number}/{len(items)}", err=True, nl=number == len(items))


def reports_bad_input(command: Callable[P, T]) -> Callable[P, T]:
    """Turn an `InputError` into one line on stderr and exit code 2, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()  # here, where a full disk can still be told
            return result
        except InputError as error:
            say(f"error: {error}")
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            say("error: The disk is full. Make room, and give the command again.")
            _drop_output()
        raise typer.Exit(2) from None

    return wrapped


def _drop_output() -> None:
    """Let go of output that cannot be written: at the exit it would be tried, and complained about, once more."""
    with suppress(OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file below `folder`, in order; InputError when the disk will not have it.

    A manifest of an earlier run goes first, so that one that is there speaks of whole files.
    """
    from core.explanation.evidence import MANIFEST

    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for name, data in files.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{name} would lie outside {folder}: its model's card names no file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise _refused(folder, error) from error


def write_bundle(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to the folder `out`, or as one zip where `out` ends in .zip; InputError as `write_files`."""
    if not is_zip(out):
        write_files(out, files)
        return
    from core.explanation.evidence import zipped

    partial = out.with_name(out.name + ".partial")
    try:
        partial.write_bytes(zipped(files))
        partial.replace(out)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _refused(out, error) from error


def is_zip(out: Path) -> bool:
    """Whether a bundle goes into one zip file rather than a folder."""
    return out.suffix.casefold() == ".zip"


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Make sure that `out`, a folder or a zip, can be written before the work starts; InputError where it cannot.

    Folders made for it go again where nothing was put into them.
    """
    folder = out.parent if is_zip(out) else out
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if is_zip(out) and out.is_dir():
            raise InputError(f"Cannot write to {out}: it is a folder. Choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(out, error) from error
    try:
        yield
    finally:
        for path in made:
            with suppress(OSError):  # it holds something
                path.rmdir()


def _refused(place: Path, error: OSError) -> InputError:
    return InputError(f"Cannot write to {place}: {error.strerror or error}. Choose another folder.")


class Stop:
    """Whether the user has asked for an end, by Ctrl-C."""

    asked = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn the first Ctrl-C into a wish that the work meets at its next step; a second one ends at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, before)
        say("\nStopping after this step; what was found so far is kept. Ctrl-C again ends at once.")

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def run(task: Task, label: str, stop: Stop) -> bool:
    """Do a task's steps to its end or until a stop is asked for; whether it came to its end.

    Evaluations done of the budget are told on stderr: in place in a terminal, now and then elsewhere.
    """
    live = sys.stderr.isatty()
    started = told = time.monotonic()
    while not task.done and not stop.asked:
        task.advance()
        now = time.monotonic()
        if now - told >= (OFTEN if live else SELDOM) and not task.done:
            told = now
            _tell(task, label, now - started, live)
    if live and told > started:
        sys.stderr.write("\r\033[K")
    return task.done


def _tell(task: Task, label: str, seconds: float, live: bool) -> None:
    line = f"{label}: {task.evaluations}/{task.budget} evaluations, {seconds:.0f} s"
    if live:
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()
    else:
        say(line)


@reports_bad_input
def models(checkpoints: Checkpoints = None, as_json: AsJson = False) -> None:
    """List the trained models: size, input, what they were trained on and what they reach."""
    from core.models.card import read_card
    from core.models.checkpoints import available, default_root
    from core.preprocessing.framing import FRAMINGS

    root = checkpoints or default_root()
    if not root.is_dir():
        raise InputError(f"The checkpoints folder {root} does not exist. Name one with --checkpoints.")
    cards = []
    for name in available(root):
        try:
            cards.append((name, read_card(root / name / "card.json")))
        except InputError as error:
            say(f"skipped: {error}")
    document = [{"model": name, **card.model_dump(mode="json")} for name, card in cards]
    lines = [
        f"{name}: {card.title}, {card.parameters / 1e6:.2f} M parameters, {card.input_size} px, "
        f"trained on the {FRAMINGS[card.framing]}"
        + (
            f", test accuracy {card.test.accuracy:.2%} on {card.test.images} images of {card.test.data}"
            if card.test
            else ""
        )
        for name, card in cards
    ]
    emit(document, lines or ["No models."], as_json)
