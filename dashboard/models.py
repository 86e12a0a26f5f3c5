"""The models that can stand on a page: each with its classifier, or with the reason why there is none."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from core.errors import InputError
from core.models import checkpoints
from core.models.card import read_card
from core.models.classifier import Classifier
from core.models.devices import chosen_device, device_title
from core.models.registry import ARCHITECTURES, SHIPPED
from dashboard import state, url
from dashboard.ui.format import quoted

MOST_MODELS = 8
MOST_SECONDS = 0.5  # that measuring a model's time may take

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelEntry:
    """A model's place on a page: its name, its title, and the classifier or what to say in its stead."""

    name: str
    title: str
    classifier: Classifier | None
    fault: str = ""


def root() -> Path:
    """Return the folder of the checkpoints: that of LEUKOLENS_CHECKPOINTS, or the project's own."""
    return checkpoints.default_root()


def names() -> tuple[str, ...]:
    """Return the models on offer: the shipped ones, there or not, then whatever else the folder holds."""
    found = tuple(checkpoints.available(root()))
    return (*SHIPPED, *(name for name in found if name not in SHIPPED))


def title_or_name(name: str) -> str:
    """Return a model's title where it is one of ours, else the name by which a report calls it."""
    return title(name) if (root() / name).is_dir() else name


def title(name: str) -> str:
    """Return a model's title: that of its card, and the folder's name beside it where another model has the same."""
    own = _card_title(name)
    shared = any(_card_title(other) == own for other in names() if other != name)
    return f"{own} ({name})" if shared else own


def chosen_names() -> tuple[str, ...]:
    """Return the models switched on, in their fixed order; names that the address made up are left out."""
    chosen = state.get("models")
    return names() if chosen == url.ALL else tuple(name for name in names() if name in chosen)


def unknown_names() -> tuple[str, ...]:
    """Return the names that the address asks for and the folder does not hold."""
    chosen = state.get("models")
    return () if chosen == url.ALL else tuple(name for name in chosen if name not in names())


def known_classes(entries: Sequence[ModelEntry]) -> tuple[str, ...]:
    """Return the classes that the models know, in the order in which they are met."""
    cards = [entry.classifier.card for entry in entries if entry.classifier is not None]
    return tuple(dict.fromkeys(name for card in cards for name in card.classes))


def choose_models() -> None:
    """Show a switch for each model."""
    on_offer = names()

    def to_choice(picked: list[str]) -> tuple[str, ...]:
        return url.ALL if set(picked) == set(on_offer) else tuple(picked)

    st.pills(
        "Models",
        on_offer,
        selection_mode="multi",
        format_func=lambda name: quoted(title(name)),
        help="Which networks answer. They differ in depth and size; each says under “About” what it was trained on.",
        **state.bound("models", to_widget=lambda _: list(chosen_names()), from_widget=to_choice),
    )
    state.say_problem("models")
    if unknown_names():
        listed = ", ".join(f"“{url.shown(name)}”" for name in unknown_names())
        st.warning(
            f"The address asks for {listed}, which is not among the models here: it is left out.",
            icon=":material/link_off:",
        )


def entry(name: str) -> ModelEntry:
    """Load the model `name`; whatever goes wrong becomes its own message and nobody else's."""
    folder = root() / name
    if not folder.is_dir():
        return ModelEntry(
            name,
            title(name),
            None,
            f"No trained weights: there is no folder “{name}” among the checkpoints. "
            "Train the model (`python -m core train --help`) or copy its folder there.",
        )
    try:
        return ModelEntry(name, title(name), shared_classifier(str(folder), signature_of(folder)))
    except InputError as error:
        return ModelEntry(name, title(name), None, str(error))
    except Exception:
        LOG.exception("the checkpoint %s could not be loaded", name)
        return ModelEntry(name, title(name), None, "The weights could not be loaded; the server's log says why.")


@st.cache_data(show_spinner=False, max_entries=1)
def running_on() -> str:
    """Return what the models run on, or why that cannot be had."""
    try:
        return device_title(chosen_device())
    except InputError as error:
        return f"device: {error}"


@st.cache_resource(show_spinner=False, max_entries=MOST_MODELS)
def shared_classifier(folder: str, signature: tuple[tuple[str, int, int], ...]) -> Classifier:
    """Load a checkpoint once for all sessions; `signature` changes when one of its files does."""
    classifier = checkpoints.load_classifier(Path(folder), chosen_device())
    classifier.predict([np.full((64, 64, 3), 200, dtype=np.uint8)])  # the first pass sets up kernels: nobody's time
    spare_collections()
    return classifier


def spare_collections() -> None:
    """Leave what is loaded by now out of all later collections of garbage.

    Streamlit collects after each run of a page, and of a fragment that looks every other second: over half a million
    objects of the engine that took 0.2 s each time, with all other visitors waiting.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False, max_entries=1)
def spare_the_engine() -> bool:
    """The same once, when the engine has been imported; loading a model does it again."""
    spare_collections()
    return True


@st.cache_data(show_spinner=False, max_entries=4 * MOST_MODELS)
def warm_seconds(identity: tuple[str, str, str], _classifier: Classifier) -> float:
    """Return the time in s of one forward pass of one picture on this server, kernels and memory set up: the median
    of three, or of as many as fit into half a second."""
    picture = np.full((64, 64, 3), 200, dtype=np.uint8)
    taken: list[float] = []
    while len(taken) < 3 and sum(taken) < MOST_SECONDS:
        taken.append(_classifier.predict([picture])[0].seconds)
    return float(np.median(taken))


def _card_title(name: str) -> str:
    """Return the title on a model's card; where there is no valid card, what the folder's name stands for."""
    try:
        path = root() / name / "card.json"
        facts = path.stat()
        return _read_title(str(path), facts.st_mtime_ns, facts.st_size)
    except (OSError, InputError):
        return ARCHITECTURES[name].title if name in ARCHITECTURES else name


@st.cache_data(show_spinner=False, max_entries=16 * MOST_MODELS)
def _read_title(path: str, changed_ns: int, size: int) -> str:
    return read_card(Path(path)).title


def signature_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when one of a model folder's files does."""
    files = sorted(path for path in folder.iterdir() if path.suffix in {".json", ".onnx", ".safetensors"})
    return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
