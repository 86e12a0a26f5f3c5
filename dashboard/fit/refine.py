"""Fine-tuning on the labelled cells: a training of all layers, started here and watched on the Train page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.errors import InputError
from core.files import write_whole
from core.models.classifier import Classifier
from core.runs.directory import default_runs, free_name
from core.training.launch import checked_spec, start_run
from core.training.recipe import read_recipe
from dashboard import state, uploads
from dashboard.access import is_open
from dashboard.images import subject_of
from dashboard.state import enter, recall, remember
from dashboard.ui.format import quoted
from dashboard.ui.html import png_bytes

RECIPE = "leukolens-fit"
LABELLED = ".labelled"  # beside the runs, and no run itself
FAULT = "fit-refine-fault"


def offer_fine_tuning(classifier: Classifier, labels: Mapping[str, str]) -> None:
    """Offer to train on the labelled pictures, where long work may be started here."""
    if not is_open() or not labels:
        return
    with st.expander("Fine-tune all layers instead", key="fit-refine"):
        st.caption(
            "A short training of the whole network, in the background: some minutes on two cores, and worth a trial "
            "from twenty labels a class. A fifth of the cells tests it, a fifth tells when it is best. It is watched "
            "on the Train page, and stays when this page is closed. The labelled pictures are written to the server's "
            "disk for it, beside the runs."
        )
        st.button(
            "Start it",
            key="fit-refine-start",
            icon=":material/model_training:",
            on_click=_start,
            args=(classifier, dict(labels)),
        )
        if recall(FAULT, ""):
            st.error(quoted(recall(FAULT, "")), icon=":material/block:")
        elif recall("fit-refined", ""):
            st.caption(f"Started as “{quoted(recall('fit-refined', ''))}”.")
            st.page_link("../pages/train.py", label="Watch it on the Train page", icon=":material/monitoring:")


def _start(classifier: Classifier, labels: dict[str, str]) -> None:
    remember(FAULT, "")
    try:
        name = begin_fine_tuning(classifier, labels)
    except InputError as error:
        remember(FAULT, str(error))
        return
    remember("fit-refined", name)
    state.put("run", name)
    enter("view", "runs")


def begin_fine_tuning(classifier: Classifier, labels: Mapping[str, str]) -> str:
    """Write the labelled pictures to a folder of class folders and start the training on it; returns the run's name.

    InputError where the pictures cannot be written or the training not be started.
    """
    if classifier.folder is None:
        raise InputError(f"{classifier.name} has no folder to begin with.")
    recipe = read_recipe(RECIPE, classifier.card.architecture, {"weights": str(classifier.folder)})
    folder = _written(labels)
    runs = default_runs()
    spec = checked_spec(str(folder), "folder")
    return start_run(runs, free_name(runs, f"{RECIPE}-{classifier.name}"), recipe, spec).name


def _written(labels: Mapping[str, str]) -> Path:
    """The pictures as they are looked at, by class; a field's cell is the window around it."""
    held = uploads.store().files
    text = "\n".join(f"{uploads.digest_of(held[key].data)} {name}" for key, name in sorted(labels.items()))
    folder = default_runs() / LABELLED / hashlib.sha256(text.encode()).hexdigest()[:16]
    try:
        for key, name in labels.items():
            subject = subject_of(key)
            if subject is not None:
                (folder / name).mkdir(parents=True, exist_ok=True)
                write_whole(folder / name / f"{key}.png", png_bytes(subject.rgb))
    except OSError as error:
        raise InputError(f"The pictures cannot be written to {folder}: {error.strerror or error}.") from error
    return folder
