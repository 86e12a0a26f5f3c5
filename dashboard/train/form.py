"""A new training: what to choose, what it will do, how long it will take, and the button that starts it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st

from core.errors import InputError
from core.runs.device_queue import gpu_names
from core.runs.directory import default_runs, free_name
from core.training.launch import checked_spec, start_run
from core.training.recipe import Recipe, check_sizes
from core.training.timing import Timing, estimate, known_timing, measured_timing, pairs, tabled_timing, threads
from dashboard import state
from dashboard.labelled_images import Images, choose_images
from dashboard.state import enter, forget, kept, kept_option, recall, remember
from dashboard.train.choices import Source, choose_settings, choose_source
from dashboard.train.images import Sides, show_counts, sides_of
from dashboard.train.wording import estimate_in_words, plan_in_words, recipe_cautions
from dashboard.ui.format import quoted

FAULT = "start-fault"

SLOWEST_START = "Reading the images comes before that, once for each set and way of cutting out."


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a training needs to be started."""

    recipe: Recipe
    images: Images
    sides: Sides


def show_form() -> None:
    """Show the choices on the left, and on the right what they come to."""
    left, right = st.columns([1.35, 1], gap="large")
    with left:
        st.subheader("What to train", anchor=False)
        source = choose_source()
        st.subheader("On which images", anchor=False)
        images = choose_images()
        below = st.container()
        plan, fault = None, ""
        if source is not None:
            st.subheader("Settings", anchor=False)
            plan, fault = _plan(source, images)
        with below:
            if plan is not None:
                show_counts(plan.sides)
            elif images is not None and images.fault:
                _say_fault(images)
    with right, st.container(border=True, key="training-plan"):
        _show_plan(source, images, plan, fault)


def _plan(source: Source, images: Images | None) -> tuple[TrainingPlan | None, str]:
    try:
        plain = images is not None and images.data is not None and not (images.data.table["split"] == "train").any()
        changes = choose_settings(source, source.read(), plain)
        recipe = source.read(changes)
        check_sizes(recipe)
        if images is None or images.data is None:
            return None, ""
        return TrainingPlan(recipe, images, sides_of(images, recipe)), ""
    except InputError as error:
        return None, str(error)


def _say_fault(images: Images) -> None:
    if images.undecided:
        st.info(quoted(images.fault), icon=":material/rule_folder:")
    else:
        st.error(quoted(images.fault), icon=":material/folder_off:")


def _show_plan(source: Source | None, images: Images | None, plan: TrainingPlan | None, fault: str) -> None:
    st.subheader("What it will do", anchor=False)
    if plan is None or source is None:
        if fault:
            st.error(quoted(fault), icon=":material/block:")
            return
        missing = "a recipe" if source is None else "" if images is not None and not images.undecided else "images"
        told = f"Choose {missing} to see it." if missing else "Mend what is marked to see it."
        st.html(f'<p class="ll-sentence ll-quiet">{told}</p>')
        return
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in plan_in_words(plan.recipe, plan.sides))
    st.html(f'<ul class="ll-list">{told}</ul>')
    for caution in recipe_cautions(plan.recipe, plan.sides):
        st.warning(caution, icon=":material/warning:")
    gpus = _choose_device()
    _show_time(plan, gpus)
    _show_start(plan, gpus)


def _choose_device() -> tuple[int, ...]:
    names = _gpus()
    if not names:
        return ()
    options = ["processor", *(str(number) for number in range(len(names))), *(["all"] if len(names) > 1 else [])]
    titles = {"processor": f"Processor ({threads()} threads)", "all": f"All {len(names)} GPUs"}
    picked = st.selectbox(
        "Device",
        options,
        format_func=lambda name: titles.get(name) or f"GPU {name}: {names[int(name)]}",
        help="One training at a time on each device; others wait in line.",
        **kept_option("device", options, "0"),
    )
    if picked == "processor":
        return ()
    return tuple(range(len(names))) if picked == "all" else (int(picked),)


@st.cache_data(show_spinner=False, max_entries=1)
def _gpus() -> tuple[str, ...]:
    return gpu_names()


def _show_time(plan: TrainingPlan, gpus: tuple[int, ...]) -> None:
    runs, recipe, gpu = default_runs(), plan.recipe, gpus[0] if gpus else None

    def timing(size: int, batch: int) -> Timing | None:
        known = known_timing(runs, recipe.architecture, size, batch, gpu)
        return known or (tabled_timing(recipe.architecture, size) if gpu is None else None)

    train, validation = plan.sides.count("train"), plan.sides.count("val")
    found = estimate(recipe, train, validation, timing, max(1, len(gpus)))
    holder = st.empty()
    if found is not None:
        holder.html(
            f'<p class="ll-sentence">{estimate_in_words(found)} <span class="ll-quiet">{SLOWEST_START}</span></p>'
        )
    else:
        holder.html('<p class="ll-sentence">How long it takes was not measured on this device yet.</p>')
    if found is None or not found.measured:
        _offer_trial(recipe, gpu)


def _offer_trial(recipe: Recipe, gpu: int | None) -> None:
    sizes = pairs(recipe)
    if not st.button(
        "Measure on this machine",
        icon=":material/timer:",
        type="tertiary",
        help=f"Trains on noise for some {10 * len(sizes)} seconds, to see what an image costs here.",
    ):
        return
    try:
        for number, (size, batch) in enumerate(sizes, start=1):
            with st.spinner(f"Trying {size} px in batches of {batch} ({number} of {len(sizes)})"):
                measured_timing(default_runs(), recipe.architecture, size, batch, gpu)
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/timer_off:")
        return
    st.rerun()


def _show_start(plan: TrainingPlan, gpus: tuple[int, ...]) -> None:
    wanted = f"{plan.recipe.name}-{plan.recipe.architecture}"
    name = st.text_input(
        "Name of the run",
        max_chars=64,
        help="Letters, digits, points, hyphens and underscores: the folder in which everything is kept.",
        **kept(f"name-{wanted}", free_name(default_runs(), wanted)),
    ).strip()
    st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(plan, gpus, name, wanted),
    )
    fault = recall(FAULT, ("", ""))
    if fault[0] == name and fault[1]:
        st.error(quoted(fault[1]), icon=":material/block:")


def _start(plan: TrainingPlan, gpus: tuple[int, ...], name: str, wanted: str) -> None:
    try:
        spec = checked_spec(plan.images.place, plan.images.kind, gpus)
        run = start_run(default_runs(), name, plan.recipe, spec)
    except InputError as error:
        remember(FAULT, (name, str(error)))
        return
    remember(FAULT, ("", ""))
    forget(f"name-{wanted}")
    state.put("run", run.name)
    enter("view", "runs")
