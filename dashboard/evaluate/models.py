"""The models that can be evaluated, each with its figures or with what to say in their stead."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import InputError
from core.evaluation.history import History, read_history
from core.evaluation.metrics import Figures, figures_of
from core.evaluation.predictions import MOST_BYTES, PREDICTIONS, Answers, read_answers
from core.files import read_plain
from core.models.card import ModelCard, read_card
from core.runs.directory import NAME, default_runs
from dashboard import state
from dashboard.models import chosen_names, root, title

MOST_RUNS = 200

FILES = ("card.json", PREDICTIONS, "history.csv")

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluated:
    """A model, and what is known of it without its weights; a part that is missing has its `fault` in words."""

    name: str
    title: str
    folder: Path
    card: ModelCard | None = None
    answers: Answers | None = None
    figures: Figures | None = None
    history: History | None = None
    fault: str = ""
    answers_fault: str = ""
    history_fault: str = ""


def finished_runs() -> tuple[str, ...]:
    """Names of the runs that have a finished model, the newest first."""
    folder = default_runs()
    if not folder.is_dir():
        return ()
    found = [
        path
        for path in folder.iterdir()
        if NAME.fullmatch(path.name) and not path.is_symlink() and (path / "model" / "card.json").is_file()
    ]
    newest = sorted(found, key=lambda path: (path / "model" / "card.json").stat().st_mtime_ns, reverse=True)
    return tuple(path.name for path in newest[:MOST_RUNS])


def chosen_runs() -> tuple[str, ...]:
    """The finished runs that are switched on."""
    return tuple(name for name in finished_runs() if name in state.get("runs"))


def choose_runs() -> None:
    """Show a choice of finished runs, where there are any, and say which of the address there are not."""
    there = finished_runs()
    if there:
        st.multiselect(
            "Finished trainings beside them",
            there,
            placeholder="None chosen",
            help="Models of your own trainings, from the folder of the runs. The models of the sidebar stay.",
            **state.bound("runs", to_widget=lambda _: list(chosen_runs()), from_widget=tuple),
        )
    state.say_problem("runs")
    unknown = [name for name in state.get("runs") if name not in there]
    if unknown:
        st.warning(
            f"The address asks for the run “{unknown[0]}”, which has no finished model here: it is left out.",
            icon=":material/link_off:",
        )


def evaluated() -> list[Evaluated]:
    """Every model that is switched on, in order: checkpoints, then runs."""
    places = [(name, title(name), root() / name) for name in chosen_names()]
    places += [(f"run-{name}", f"Run {name}", default_runs() / name / "model") for name in chosen_runs()]
    return [_evaluated(name, told, folder) for name, told, folder in places]


def _evaluated(name: str, told: str, folder: Path) -> Evaluated:
    if not folder.is_dir():
        missing = f"There is no folder “{name}” among the checkpoints: train the model, or copy its folder there."
        return Evaluated(name, told, folder, fault=missing)
    try:
        return _read(name, told, str(folder), _signature(folder))
    except Exception:
        LOG.exception("the model folder %s could not be evaluated", name)
        return Evaluated(name, told, folder, fault="Its files could not be read; the server's log says why.")


@st.cache_resource(show_spinner=False, max_entries=32)
def _read(name: str, told: str, folder: str, signature: str) -> Evaluated:
    """Read and measure a model folder once; `signature` changes with the content of its files."""
    place = Path(folder)
    try:
        card = read_card(place / "card.json")
    except InputError as error:
        return Evaluated(name, told, place, fault=str(error))
    answers, figures, answers_fault = _figures(place, card)
    history, history_fault = _history(place)
    return Evaluated(name, told, place, card, answers, figures, history, "", answers_fault, history_fault)


def _figures(folder: Path, card: ModelCard) -> tuple[Answers | None, Figures | None, str]:
    try:
        answers = read_answers(folder / PREDICTIONS, card.classes)
    except InputError as error:
        return None, None, str(error)
    if not len(answers.labels):
        return None, None, f"None of its answers is to an image of a class that it knows. {' '.join(answers.notes)}"
    data = card.test.data if card.test is not None else "its test images (the card does not say which)"
    return answers, figures_of(answers, data, card.temperature), ""


def _history(folder: Path) -> tuple[History | None, str]:
    try:
        return read_history(folder / "history.csv"), ""
    except InputError as error:
        return None, str(error)


def _signature(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        try:
            digest.update(f"{name} ".encode() + hashlib.sha256(read_plain(path, MOST_BYTES)).digest())
        except OSError as error:
            digest.update(f"{name} {error.strerror}".encode())
    return digest.hexdigest()
