"""What a model costs: parameters, file, training, and the time of one answer on this server, measured on demand."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from core.errors import InputError
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image
from dashboard.evaluate.models import Evaluated
from dashboard.images import gallery_subjects
from dashboard.models import shared_classifier, signature_of
from dashboard.ui.format import NONE, duration, lasted, millions, size
from dashboard.ui.html import table

ROUNDS, WARM = 15, 2

TIMES = "evaluation-times"

LOG = logging.getLogger(__name__)

MEANINGS = {
    "Parameters": "Numbers learnt from data, in the network as it is here, in millions; below, which group of sizes "
    "that is in Katar & Kilincer 2022.",
    "As published": "The network as its authors gave it, with an output layer for 1,000 classes.",
    "Weights": "Size of the weights' file, in half precision; papers mostly give single precision, twice that.",
    "Input": "Side of the square picture that goes in.",
    "Training": "Time of all epochs together, on the machine named.",
    "One answer": "Median of 15 answers to one simulated cell, framing included, after two to warm up; in brackets "
    "the slowest. Measured on this server when the button was pressed, beside whatever else it did.",
}


@dataclass(frozen=True)
class Latency:
    """Seconds of one answer: the median and the slowest of `ROUNDS`, on `threads` threads of `device`."""

    median: float
    slowest: float
    threads: int
    device: str


@st.fragment
def show_costs(models: Sequence[Evaluated]) -> None:
    """Show the table, and a button that measures the time of an answer."""
    place = st.empty()
    place.html(cost_table(models, st.session_state.get(TIMES, {})))
    if st.button(
        "Measure the time of an answer here",
        icon=":material/timer:",
        key="measure-latency",
        help="Loads each model and asks it about one simulated cell 17 times; some seconds a model.",
    ):
        faults = _measure(models)
        place.html(cost_table(models, st.session_state.get(TIMES, {})))
        for message in faults:
            st.warning(message, icon=":material/block:")
    with st.expander("What these columns mean", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{term}**: {meaning}" for term, meaning in MEANINGS.items()))


def cost_table(models: Sequence[Evaluated], times: dict[str, Latency]) -> str:
    """A row a model."""
    heads = ['<th scope="col">Model</th>']
    heads += [f'<th scope="col" title="{escape(meaning)}">{term}</th>' for term, meaning in MEANINGS.items()]
    return table("What each model costs", heads, [_row(model, times.get(model.name)) for model in models])


def _row(model: Evaluated, latency: Latency | None) -> str:
    name, card = f'<th scope="row">{escape(model.title)}</th>', model.card
    if card is None:
        return f'<tr>{name}<td colspan="{len(MEANINGS)}">no card</td></tr>'
    published = (
        f"{millions(card.published_millions)}<small>{escape(card.published_group or '')}</small>"
        if card.published_millions
        else NONE
    )
    cells = [
        f"{millions(card.parameters / 1e6)}<small>{escape(card.group)}</small>",
        published,
        size(card.weights_mb),
        f"{card.input_size}\u00a0px",
        _training(model),
        _answer(latency),
    ]
    return f"<tr>{name}{''.join(f'<td>{text}</td>' for text in cells)}</tr>"


def _training(model: Evaluated) -> str:
    facts = model.card.training if model.card else None
    seconds = facts.seconds if facts else model.history.seconds if model.history else None
    if seconds is None:
        return NONE
    epochs = facts.epochs if facts else len(model.history or ())
    machine = f", {facts.machine}" if facts else ""
    return f"{lasted(seconds)}<small>{epochs} epochs{escape(machine)}</small>"


def _answer(latency: Latency | None) -> str:
    if latency is None:
        return '<span class="ll-quiet">not measured</span>'
    return (
        f"{duration(latency.median)}<small>({duration(latency.slowest)}), {latency.threads} "
        f"thread{'' if latency.threads == 1 else 's'}, {escape(latency.device)}</small>"
    )


def _measure(models: Sequence[Evaluated]) -> list[str]:
    """Measure each model, one after the other, with a bar that moves with every answer; return what went wrong.

    What is measured is kept at once: whoever goes elsewhere meanwhile loses one model's time at most.
    """
    bar = st.progress(0.0, text="Loading the models")
    faults = []
    for number, model in enumerate(models):
        tell = _teller(bar, number, len(models), model.title)
        tell(0.0)
        try:
            found = measured_latency(shared_classifier(str(model.folder), signature_of(model.folder)), tell)
        except InputError as error:
            faults.append(f"{model.title}: {error}")
        except Exception:
            LOG.exception("the model folder %s could not be measured", model.name)
            faults.append(f"{model.title}: it could not be asked; the server's log says why.")
        else:
            st.session_state[TIMES] = {**st.session_state.get(TIMES, {}), model.name: found}
    bar.empty()
    return faults


def _teller(bar: DeltaGenerator, number: int, of: int, title: str) -> Callable[[float], None]:
    def tell(part: float) -> None:
        bar.progress((number + part) / of, text=f"Asking {title}")

    return tell


def measured_latency(classifier: Classifier, tell: Callable[[float], None] = lambda _: None) -> Latency:
    """Ask for one simulated cell again and again, and time it."""
    image = next(iter(gallery_subjects().values())).rgb
    taken = []
    for number in range(WARM + ROUNDS):
        started = time.perf_counter()
        classifier.predict([frame_image(image, classifier.card.framing).rgb])
        taken.append(time.perf_counter() - started)
        tell((number + 1) / (WARM + ROUNDS))
    kept = taken[WARM:]
    return Latency(statistics.median(kept), max(kept), torch.get_num_threads(), classifier.device.type)
