"""What is explained and how it is shown: methods, classes, opacity, palettes and scale; a form for the methods'
settings, built from what each declares; and the reader's own mask of the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.decoding import decode
from core.errors import InputError
from core.explanation.method import LAYER, Method
from core.explanation.methods.registry import METHODS
from core.explanation.render import DIVERGING, PALETTES
from core.explanation.wording import plain
from core.preprocessing.framing import Mask, mask_of
from core.settings import FieldSpec
from dashboard import state, uploads, url
from dashboard.images import Subject
from dashboard.models import ModelEntry
from dashboard.ui.form import field_input, to_widget
from dashboard.ui.format import quoted
from dashboard.url import HIGHEST_SEED, NO_SETTINGS, PRECISIONS, of_model, setting, with_setting

SCALE_TITLES = {"map": "Each map", "classes": "All classes"}

CONTROLS = (
    "methods",
    "classes",
    "opacity",
    "palette",
    "diverging",
    "borders",
    "scale",
    "layout",
    "label",
    "against",
    "wipe",
)

GROUPS: dict[str, tuple[str, ...]] = {
    "Gradient": ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam"),
    "Perturbation": ("lime", "occlusion", "rise", "scorecam"),
    "Attribution": ("shap", "shap-kernel", "shap-partition", "integrated-gradients"),
}
GROUP_HELP = {
    "Gradient": "One pass: where the last stage's features and their gradients speak for a class. EigenCAM takes the "
    "features alone.",
    "Perturbation": "Parts of the picture are hidden, and what the model then says is compared. It takes many passes.",
    "Attribution": "What each part of the picture adds to or takes from the class's score, by rules that such shares "
    "have to keep (Shapley values, integrated gradients).",
}
LAYOUT_TITLES = {"grid": "All classes", "figure": "One class"}


def on_a_phone() -> bool:
    """Whether the browser says that it is a phone's."""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def chosen_layout() -> str:
    """Return how the maps are laid out: "grid" or "figure"."""
    layout: str = state.get("layout")
    return layout if layout != "auto" else "figure" if on_a_phone() else "grid"


def fitting_methods(entries: Sequence[ModelEntry], methods: Sequence[str]) -> tuple[str, ...]:
    """Return those of `methods` that fit one of the models at least; all of them where no model was loaded."""
    loaded = [entry.classifier for entry in entries if entry.classifier is not None]
    return tuple(
        name for name in methods if not loaded or any(not METHODS[name].unfit(classifier) for classifier in loaded)
    )


def unfit_sentences(entries: Sequence[ModelEntry]) -> list[str]:
    """Return, for each model that some methods do not fit, which ones and why, in a sentence."""
    told = []
    for entry in entries:
        if entry.classifier is None:
            continue
        lacks = entry.classifier.network.lacks
        left_out = [kind.title for kind in METHODS.values() if kind.unfit(entry.classifier)]
        reasons = [lacks[need] for need in ("gradients", "feature map") if need in lacks]
        if left_out:
            told.append(f"{entry.title}: {reasons[0]}, so that there is no {', no '.join(left_out)} of it.")
    return told


def map_form(known: Sequence[str], entries: Sequence[ModelEntry]) -> None:
    """Show the choices; `known` are the classes of the models `entries`. What was wrong with the address is said."""
    for name in CONTROLS:
        state.say_problem(name)
    for title, members in GROUPS.items():
        offered = fitting_methods(entries, members)
        if offered:
            _choose_methods(title, offered)
    for sentence in unfit_sentences(entries):
        st.caption(quoted(sentence))
    st.segmented_control(
        "Show",
        list(LAYOUT_TITLES),
        format_func=LAYOUT_TITLES.__getitem__,
        required=True,
        help="All classes: a row a model, a column a class, a grid a method. One class: methods side by side, large, "
        "with one zoom for all.",
        **state.bound("layout", to_widget=lambda _: chosen_layout()),
    )
    if chosen_layout() == "grid":
        _choose_classes(known)
    else:
        _choose_label(known)
        _choose_against(known)
    _scale()
    st.slider("Opacity, %", 0, 100, step=5, help="How strongly a map covers the picture.", **state.bound("opacity"))


def _choose_methods(title: str, members: tuple[str, ...]) -> None:
    def to_choice(picked: list[str]) -> tuple[str, ...]:
        kept = {name for name in state.get("methods") if name not in members}
        return tuple(name for name in METHODS if name in kept or name in picked)

    st.pills(
        title,
        members,
        selection_mode="multi",
        format_func=lambda name: METHODS[name].title,
        help=f"{GROUP_HELP[title]}  \n" + "  \n".join(_about(name) for name in members),
        **state.bound(
            "methods",
            key=f"methods-{title.lower()}",
            to_widget=lambda chosen: [name for name in members if name in chosen],
            from_widget=to_choice,
        ),
    )


def _choose_label(known: Sequence[str]) -> None:
    chosen = state.get("label")
    if chosen != url.NAMED and known and chosen not in known:
        st.warning(f"No model here has the class “{url.shown(chosen)}”.", icon=":material/link_off:")
    st.pills(
        "Class",
        [url.NAMED, *known],
        format_func=lambda name: "As named" if name == url.NAMED else quoted(name),
        required=True,
        help="As named: of each model the class that it names.",
        **state.bound("label", to_widget=lambda name: name if name in known else url.NAMED),
    )


def _choose_against(known: Sequence[str]) -> None:
    options = [url.NO_CLASS, url.RUNNER_UP, *known]
    chosen = state.get("against")
    if known and chosen not in options:
        st.warning(f"No model here has the class “{url.shown(chosen)}”.", icon=":material/link_off:")
    titles = {url.NO_CLASS: "Nothing", url.RUNNER_UP: "Runner-up"}
    st.pills(
        "Against",
        options,
        format_func=lambda name: titles.get(name) or quoted(name),
        required=True,
        help="Why this class rather than that one: the difference of the two classes' maps, with what speaks for the "
        "other class in a second colour. Runner-up: of each model the next most probable class. Methods whose values "
        "are not linear in the class's score have no such map.",
        **state.bound("against", to_widget=lambda name: name if name in options else url.NO_CLASS),
    )


def chosen_classes(known: Sequence[str]) -> tuple[str, ...]:
    """Return the classes to show, of those known."""
    chosen = state.get("classes")
    return tuple(known) if chosen == url.ALL else tuple(name for name in known if name in chosen)


def _choose_classes(known: Sequence[str]) -> None:
    def to_choice(picked: list[str]) -> tuple[str, ...]:
        return url.ALL if set(picked) == set(known) else tuple(picked)

    st.pills(
        "Classes",
        list(known),
        selection_mode="multi",
        format_func=quoted,
        wrap=True,
        help="The maps of all classes are computed in any case: one more to look at costs nothing.",
        **state.bound("classes", to_widget=lambda _: list(chosen_classes(known)), from_widget=to_choice),
    )
    chosen = state.get("classes")
    strange = [name for name in chosen if name not in known] if chosen != url.ALL else []
    if strange and known:
        listed = ", ".join(f"“{url.shown(name)}”" for name in strange)
        st.warning(f"No model here has the class {listed}: it is left out.", icon=":material/link_off:")


def _scale() -> None:
    st.segmented_control(
        "Scale to the maximum of",
        list(url.SCALES),
        format_func=SCALE_TITLES.__getitem__,
        required=True,
        help="Each map: every map uses the whole palette, so that weak evidence looks like strong evidence. "
        "All classes: one scale for a model's classes, so that they can be compared. Values of different models "
        "or methods are never comparable.",
        **state.bound("scale"),
    )


def palette_form(methods: Sequence[str]) -> None:
    """Show the palettes that the maps of `methods` take."""
    chosen = [METHODS[name] for name in methods]
    if any(not method.signed for method in chosen):
        st.selectbox(
            "Palette",
            PALETTES,
            format_func=str.capitalize,
            width=140,
            help="For maps of what speaks for a class. All rise evenly in lightness and read the same to colour-blind "
            "people.",
            **state.bound("palette"),
        )
    if any(method.signed for method in chosen):
        st.selectbox(
            "Signed palette",
            DIVERGING,
            format_func=lambda name: name.replace("-", ", ").capitalize(),
            width=160,
            help="For maps of what speaks for and against a class: neutral at 0, the second colour for, the first "
            "against. Colour-blind people can tell them apart.",
            **state.bound("diverging"),
        )


def _about(name: str) -> str:
    kind = METHODS[name]
    return f"**{kind.title}**: {kind.help} ({kind.paper})."


PRECISION_TITLES = {"auto": "Fastest faithful", "float32": "float32"}


def setting_form(methods: Sequence[str], entries: Sequence[ModelEntry]) -> Any:
    """Show every setting of `methods` for the models in `slots`, and the seed and the precision, folded away.

    Returns the expander, for what else belongs into it.
    """
    for name in ("set", "seed", "precision"):
        state.say_problem(name)
    changed = state.get("set") != NO_SETTINGS or state.get("seed") or state.get("precision") != PRECISIONS[0]
    label = "Settings (changed)" if changed else "Settings"
    folded = st.expander(label, icon=":material/tune:", key="settings")
    with folded:
        for name in methods:
            if METHODS[name].settings.fields():
                _method_form(METHODS[name], entries)
        st.html('<p class="ll-title">All methods</p>')
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            _seed()
            _precision()
            palette_form(methods)
        if changed:
            st.button("Back to the defaults", on_click=_reset, icon=":material/restart_alt:", type="tertiary")
    return folded


def _method_form(method: Method, entries: Sequence[ModelEntry]) -> None:
    st.html(f'<p class="ll-title">{method.title}</p>')
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        for field in method.settings.fields():
            if field.name == LAYER:
                for entry in entries:
                    _layer(method, field, entry)
            else:
                width = 160 if field.kind == "choice" else 140
                field_input(
                    field,
                    _bound(method, field, field.name),
                    width=width,
                    format_choice=lambda name: plain(name).capitalize(),
                )


def _layer(method: Method, field: FieldSpec, entry: ModelEntry) -> None:
    """A menu of the model's stages: which there are no field can say."""
    if entry.classifier is None or method.unfit(entry.classifier):
        return
    network = entry.classifier.network
    last = f"Last convolution ({network.cut})"
    st.selectbox(
        f"{field.title}, {entry.title}",
        ["", *(name for name in network.cuts if name != network.cut)],
        format_func=lambda name: name or last,
        width=200,
        help=field.help,
        **_bound(method, field, of_model(field.name, entry.name), entry.name),
    )


def _bound(method: Method, field: FieldSpec, name: str, model: str = "") -> dict[str, Any]:
    return state.bound(
        "set",
        key=f"set-{method.name}-{name}",
        to_widget=lambda settings: to_widget(field, setting(settings, method, field, model)),
        from_widget=lambda value: with_setting(state.get("set"), method, name, value),
    )


def _seed() -> None:
    st.number_input(
        "Seed",
        0,
        HIGHEST_SEED,
        step=1,
        width=140,
        help="Where a method draws at random, the same seed gives the same map. How much a map changes with another "
        "seed tells how settled it is.",
        **state.bound("seed"),
    )


def _precision() -> None:
    st.segmented_control(
        "Precision",
        list(PRECISIONS),
        format_func=PRECISION_TITLES.__getitem__,
        required=True,
        help="Fastest faithful: bfloat16 where this processor has it and the model's maps were shown to keep a rank "
        "correlation of 0.99 with float32's; float32 elsewhere.",
        **state.bound("precision"),
    )


def _reset() -> None:
    for name in ("set", "seed", "precision"):
        state.reset(name)


HELD = "cell-mask"

LARGEST_MB = 20


@dataclass(frozen=True)
class Held:
    """A mask or regions as they were given: the file's name and identifier, the image that it is for, its bytes."""

    name: str
    file_id: str
    subject: str
    data: bytes


def choose_mask(subject: Subject) -> Mask | None:
    """Show where a mask is given, and return the one for `subject`, `(H, W) bool`; what is wrong with it is said."""
    file = st.file_uploader(
        "Your own mask of the cell",
        max_upload_size=LARGEST_MB,
        key=f"{HELD}-{uploads.store().round}",
        help="White on the cell, black around it, of the image's own size. It takes the place of the outline that the "
        "preprocessing estimates: in the scores that ask where the cell is, and where a method paints the cell over.",
    )
    if file is None:
        st.session_state.pop(HELD, None)
        return None
    held = st.session_state.get(HELD)
    if held is None or held.file_id != file.file_id:
        held = st.session_state[HELD] = Held(file.name, file.file_id, subject.sha256, file.getvalue())
    if held.subject != subject.sha256:
        st.info(f"“{held.name}” was given for another image and is not used for this one.", icon=":material/link_off:")
        return None
    try:
        return _mask(held, subject)
    except InputError as error:
        st.error(str(error), icon=":material/block:")
        return None


@st.cache_resource(show_spinner=False, max_entries=2, scope="session", hash_funcs={Held: lambda held: held.file_id})
def _decoded(held: Held, shape: tuple[int, ...]) -> Mask:
    return mask_of(decode(held.data, held.name).rgb, shape)


def _mask(held: Held, subject: Subject) -> Mask:
    return _decoded(held, subject.rgb.shape)


def forget_mask() -> None:
    """Drop the mask of this session."""
    st.session_state.pop(HELD, None)
    _decoded.clear()
