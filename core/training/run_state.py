"""What a run goes on from: its recipe and data, checked when it is resumed, and its states, written whole or not at all
and read without unpickling."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path
from typing import Any

import torch

from core.errors import InputError
from core.files import read_bounded, write_whole
from core.training.recipe import Recipe, checked_recipe

RECIPE, DATA, DIVERGED = "recipe.json", "data.json", "diverged.txt"
LAST, BEST = "last.ckpt", "best.ckpt"  # states that `core.training.run_state` writes
LARGEST = 5_000_000  # bytes


def begun(run: Path) -> bool:
    """Whether a run in this directory came as far as being one that can be resumed."""
    return (run / RECIPE).is_file()


def begin_run(recipe: Recipe, run: Path) -> None:
    """Write the recipe into a new run's directory; InputError where it holds a run already."""
    check(recipe, run, resume=False)
    run.mkdir(parents=True, exist_ok=True)
    write_whole(run / RECIPE, recipe.model_dump_json(indent=2).encode())


def continue_run(recipe: Recipe, run: Path) -> None:
    """Check that the run was begun with the same recipe, and write down what is allowed to differ."""
    if check(recipe, run, resume=True):
        write_whole(run / RECIPE, recipe.model_dump_json(indent=2).encode())
    (run / DIVERGED).unlink(missing_ok=True)


def check(recipe: Recipe, run: Path, resume: bool) -> bool:
    """Whether the recipe differs from that of the run to resume; InputError where it may not, or a run is there else.

    The last stage may be longer and further stages may follow: a run that ended too early is prolonged. A run that
    diverged may go on with other learning rates; how much of the first weights the result keeps is decided at the end.
    """
    if not resume:
        if (run / RECIPE).exists():
            raise InputError(f"{run} holds a run already. Go on with --resume, or name another folder with --run.")
        return False
    if not begun(run):
        raise InputError(f"{run} is no run to resume: it holds no {RECIPE}. Start it without --resume.")
    before = recorded_recipe(run)
    differing = _differences(_flat(before.model_dump(mode="json")), _flat(recipe.model_dump(mode="json")))
    allowed = {f"stages.{len(before.stages) - 1}.epochs"} if _longer(before, recipe) else set()
    added = {key for key in differing if key.startswith("stages.") and int(key.split(".")[1]) >= len(before.stages)}
    diverged = (run / DIVERGED).exists()
    rates = {key for key in differing if diverged and key.endswith(".learning_rate")}
    refused = [key for key in differing if key not in {"trained_share"} | allowed | added | rates]
    if refused:
        raise InputError(
            f"{run} was begun with another recipe: {'; '.join(differing[key] for key in refused[:4])}. Resume it with "
            "the same one (a longer last stage or further stages are allowed, and after a failure other learning "
            "rates), or start a new run with --run."
        )
    return bool(differing)


def recorded_recipe(run: Path) -> Recipe:
    """The recipe that the run in this directory was begun with."""
    data = read_bounded(run / RECIPE, LARGEST)
    try:
        return checked_recipe(json.loads(data or b""), str(run / RECIPE))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{run / RECIPE} is damaged: start a new run.") from error


def recorded_data(run: Path) -> dict[str, Any]:
    """What `data.json` of a run says; empty where there is none or it cannot be read."""
    data = read_bounded(run / DATA, LARGEST)
    try:
        document = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def record_data(run: Path, facts: dict[str, Any]) -> None:
    """Write `data.json`, or check that the images are those that the run was begun with."""
    before = recorded_data(run)
    for key, words in (("classes", "other classes"), ("counts", "other numbers of images"), ("images", "other images")):
        if key in before and before[key] != json.loads(json.dumps(facts[key])):
            raise InputError(
                f"{run} was begun with {words}: {key} was {_short(before[key])}, now {_short(facts[key])}. "
                "Resume it with the data it was begun with, or start a new run with --run."
            )
    write_whole(run / DATA, json.dumps(facts, indent=2).encode())


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _longer(before: Recipe, recipe: Recipe) -> bool:
    last = len(before.stages) - 1
    return len(recipe.stages) > last and recipe.stages[last].epochs >= before.stages[last].epochs


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """A document's leaves by dotted key."""
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: leaf for name, part in pairs for key, leaf in _flat(part, f"{path}.{name}".lstrip(".")).items()}
    return {path: value}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """Dotted key to "key was X, is Y" for every leaf that differs."""
    return {
        key: f"{key} was {before.get(key, 'absent')}, is {after.get(key, 'absent')}"
        for key in dict.fromkeys([*before, *after])
        if before.get(key, ...) != after.get(key, ...)
    }


def write_state(state: dict[str, Any], path: Path) -> None:
    """Write `state` beside `path`, then put it in its place; InputError, and the earlier file intact, where it fails.

    A full disk so costs the present epoch and no more.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer raises RuntimeError where the disk is full
        partial.unlink(missing_ok=True)
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full" if full else " ".join(str(error).split())[:200]
        raise InputError(
            f"{path.name} could not be written to {path.parent} ({reason}). The state after the epoch before is "
            "intact: make room, then go on with --resume."
        ) from error


WHOLE = ("epoch", "global_step", "optimizer_states", "lr_schedulers", "loops", "callbacks")
"""What a state to go on from holds beside its weights, as Lightning writes it."""


def check_whole(state: dict[str, Any], weights: dict[str, Any], path: Path) -> None:
    """Make sure that `state`, read from `path`, holds all to go on with a network of `weights`; InputError else."""
    stored = state.get("state_dict")
    shapes = {name: getattr(value, "shape", None) for name, value in weights.items()}
    whole = isinstance(stored, dict) and {n: getattr(v, "shape", None) for n, v in stored.items()} == shapes
    if not whole or any(name not in state for name in WHOLE) or not state["optimizer_states"]:
        raise InputError(
            f"{path.name} in {path.parent} was emptied or changed: it holds no whole state of this training. Nothing "
            "can be resumed from it: start anew in another folder with --run, or put a copy of the file back."
        )


def read_state(path: Path) -> dict[str, Any]:
    """Read a file of `write_state`; InputError where it is damaged or holds anything but tensors and plain values."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, AttributeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path.name} in {path.parent} is damaged, or was not written by a run. Nothing can be resumed from it: "
            "start anew in another folder with --run, or put a copy of the file back."
        ) from error
    if not isinstance(state, dict) or "state_dict" not in state:
        raise InputError(f"{path.name} in {path.parent} holds no training state: start anew in another folder.")
    return state
