"""One model's answer as a card: what it saw, what it names, how sure it is; and what its model card says of it, as
figures beside the answer and as a text to teach from."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.models.card import CardScore, FitFacts, ModelCard, TrainingFacts
from core.models.classifier import Classifier, Prediction
from core.preprocessing.framing import FRAMINGS, View
from dashboard.answers import Answer, caution
from dashboard.field import show_field
from dashboard.images import Subject
from dashboard.models import warm_seconds
from dashboard.truth import reveal
from dashboard.ui.charts import bar_figure, plain_text, show
from dashboard.ui.format import duration, measured, millions, percent, quoted, size
from dashboard.ui.glossary import with_terms
from dashboard.ui.html import class_colour, facts, fitted, mark_of_truth, no_verdict, squared, verdict

MEANINGS = {
    "Margin": "The first class's probability less the second's: near 0 the model wavers, near 1 it is sure.",
    "Accuracy": "Share of the test images that it names right; n is how many there are. Training saw none of them.",
    "Elsewhere": "Mean recall on a laboratory that was left out of a training by the same recipe: what to expect of "
    "slides from elsewhere. Mean over those laboratories.",
    "Parameters": "Numbers learnt in training, in millions, and the size group: < 15 M, 15-70 M, > 70 M.",
    "As published": "Parameters and size group of the network as first published, with its 1,000-class head.",
    "Weights": "Size of the weights' file.",
    "Time": "One forward pass of one picture on this server once it is warm, the median of three.",
}


def figures(card: ModelCard, prediction: Prediction, seconds: float) -> list[tuple[str, str, str]]:
    """Return (term, meaning, value) for an answer and its model; `seconds` is the time of one pass."""
    published = card.published_millions
    values = {
        "Margin": f"{prediction.margin:.2f}",
        "Accuracy": accuracy(card),
        "Elsewhere": elsewhere(card),
        "Parameters": f"{millions(card.parameters / 1e6)} ({card.group})",
        "As published": f"{millions(published)} ({card.published_group})" if published else "not stated",
        "Weights": size(card.weights_mb),
        "Time": duration(seconds),
    }
    return [(term, MEANINGS[term], value) for term, value in values.items()]


def elsewhere(card: ModelCard) -> str:
    """Return the mean recall over laboratories that were left out, or that it is not known."""
    found = [score.mean_recall for score in card.left_out if score.mean_recall is not None]
    return f"{measured(sum(found) / len(found))}, {len(found)} laboratories" if found else "not measured"


def accuracy(card: ModelCard) -> str:
    """Return the test accuracy with its sample size and data set, or that there is none."""
    if card.test is None:
        return "not tested"
    return f"{measured(card.test.accuracy)}, n = {card.test.images:,}, {card.test.data}"


def meanings() -> str:
    """Return the meanings of all terms as Markdown, for readers whom a hovered hint does not reach."""
    return "\n".join(f"- **{term}**: {meaning}" for term, meaning in MEANINGS.items())


PICTURE_SIDE = 480


def show_subject(subject: Subject, truth: bool) -> None:
    """Show the image that the page is about, and its true class where it is known and asked for."""
    st.html(f'<p class="ll-title">{escape(subject.title)}</p>')
    st.image(fitted(squared(subject.rgb), PICTURE_SIDE), width="stretch", alt=subject.alt, output_format="PNG")
    if subject.field is not None:
        show_field(subject, subject.field)
    if truth:
        st.html(_truth(subject.label))
    else:
        st.button("Reveal the true class", key="reveal", type="tertiary", on_click=reveal, args=(subject.key,))
    kind = "Simulated, not a photograph. " if subject.simulated else ""
    st.caption(f"{kind}{subject.detail}")
    for note in subject.notes:
        st.caption(note)


def show_waiting(title: str) -> None:
    """Show that a model is being asked, in place of what it said of the picture before."""
    st.html(
        f'<p class="ll-title">{escape(title)}</p><p class="ll-verdict ll-none"><span>asking …</span></p>'
        '<p class="ll-judged"></p><div class="ll-waiting"></div>'
    )


def show_answer(answer: Answer, truth: str | None) -> None:
    """Show a model's answer, or in its place why there is none; `truth` is the class to compare with, if any."""
    title = f'<p class="ll-title">{escape(answer.entry.title)}</p>'
    prediction, view = answer.prediction, answer.view
    if prediction is None or view is None or answer.entry.classifier is None:
        st.html(title)
        st.warning(quoted(answer.fault), icon=":material/block:")
        return
    say = verdict if view.found else no_verdict
    told = say(prediction.predicted, prediction.confidence)
    st.html(title + told + mark_of_truth(prediction.predicted, truth if view.found else None))
    st.image(
        fitted(view.rgb, PICTURE_SIDE),
        width="stretch",
        alt=f"What {answer.entry.title} saw: the {FRAMINGS[answer.framing]}",
        output_format="PNG",
    )
    show(probability_figure(prediction), f"probabilities-{answer.entry.name}", _told(prediction, answer.entry.title))
    st.html(f'<div class="ll-caption">{with_terms(seen(answer.entry.classifier.card.framing, view))}</div>')
    with st.popover("About this model", type="tertiary", key=f"about-{answer.entry.name}"):
        _show_about(answer.entry.classifier, prediction)
    for message in (*view.warnings, caution(answer)):
        if message:
            st.caption(f":orange[:material/warning:] {message}")


def _show_about(classifier: Classifier, prediction: Prediction) -> None:
    card = classifier.card
    st.html(facts(figures(card, prediction, warm_seconds(classifier.identity, classifier))))
    st.markdown(_text(card))


def probability_figure(prediction: Prediction) -> go.Figure:
    """A bar a class, in its colour, of the probability's length."""
    shares = [float(share) for share in prediction.probabilities]
    return bar_figure(
        prediction.classes,
        shares,
        [percent(share) for share in shares],
        [class_colour(name) for name in prediction.classes],
        [
            f"Probability of {plain_text(name)}: {percent(share)}"
            for name, share in zip(prediction.classes, shares, strict=True)
        ],
    )


def _told(prediction: Prediction, title: str) -> str:
    shares = zip(prediction.classes, prediction.probabilities, strict=True)
    return f"Class probabilities by {title}: " + ", ".join(f"{name} {percent(float(share))}" for name, share in shares)


def seen(trained: str, view: View) -> str:
    """Say in a line what the model sees here, and what it was trained on."""
    shown = FRAMINGS[view.framing if view.found else "frame"]
    if shown == FRAMINGS[trained]:
        return f"Trained on and sees the {shown}"
    return f"Trained on the {FRAMINGS[trained]}, sees the {shown}"


def _truth(label: str | None) -> str:
    if label is None:
        return '<p class="ll-truth">True class: not known</p>'
    return f'<p class="ll-truth">True class: <strong>{escape(label)}</strong></p>'


STARTS = {"none": "from scratch", "imagenet": "from ImageNet weights"}


def show_common_test(answers: list[Answer]) -> None:
    """Say once what the accuracies of the models that answer were measured on."""
    cards = [answer.entry.classifier.card for answer in answers if answer.entry.classifier is not None]
    tested = {(card.test.data, card.test.images) for card in cards if card.test is not None}
    if len(tested) == 1:
        data, images = tested.pop()
        told = "; ".join(f"{card.title} {measured(card.test.accuracy)}" for card in cards if card.test is not None)
        st.caption(quoted(f"Named right of {images:,} test images of {data}: {told}."))


def show_model_cards(answers: list[Answer]) -> None:
    """Show what is known of the models that answer, folded away."""
    cards = [answer.entry.classifier.card for answer in answers if answer.entry.classifier is not None]
    if not cards:
        return
    with st.expander("What these models are and what the figures mean", icon=":material/menu_book:"):
        scores = [row for card in cards for row in _scores(card)]
        if scores:
            st.dataframe(
                pd.DataFrame(scores), hide_index=True, alt="Accuracy and recall of each model on each data set"
            )
            st.caption(
                "Recall: the share of a class's cells that are named right. Its mean weighs every class alike and "
                "leaves out classes of which a set holds fewer than ten. Unseen: stains that no training image had. "
                "Left out of training: figures of a model trained by the same recipe without that laboratory."
            )
        st.markdown(meanings())


def _scores(card: ModelCard) -> list[dict[str, str]]:
    tested = [_score(card.title, "as in training", card.test)] if card.test else []
    others = {"unseen": card.unseen, "known, other cells": card.held_back, "left out of training": card.left_out}
    return [*tested, *(_score(card.title, stain, score) for stain, scores in others.items() for score in scores)]


def _score(title: str, stain: str, score: CardScore) -> dict[str, str]:
    return {
        "Model": title,
        "Data": score.data,
        "Stain": stain,
        "n": f"{score.images:,}",
        "Accuracy": measured(score.accuracy),
        "Mean recall": measured(score.mean_recall),
        **{name: f"{measured(recall)} of {score.counts.get(name, 0):,}" for name, recall in score.recall.items()},
    }


def training_text(facts: TrainingFacts) -> str:
    """Say what a model learnt from; `facts.images` counts photographs alone."""
    source, _, split = facts.data.partition(": ")
    simulated = f" and {facts.simulated_images:,} simulated cells" if facts.simulated_images else ""
    start = STARTS.get(facts.initial_weights) or (
        facts.initial_weights.removeprefix("none: ")
        if facts.initial_weights.startswith("none: ")
        else f"from {facts.initial_weights} weights"
    )
    details = [split, f"{facts.epochs} epochs", f"seed {facts.seed}", f"recipe “{facts.recipe}”"]
    told = "; ".join(detail for detail in details if detail)
    return f"Trained on {facts.images:,} images of {source}{simulated}, {start} ({told})."


def fitting_text(facts: FitFacts) -> str:
    """Say what a model was fitted to, and what that brought."""
    value, low, high = (100 * part for part in facts.gain)
    return (
        f"Then fitted to {facts.laboratory} by {sum(facts.labelled.values())} labelled cells: mean recall "
        f"{percent(facts.recall_before)} before and {percent(facts.recall_after)} after, {value:+.1f} points "
        f"({low:+.1f} to {high:+.1f}), by {facts.folds}-fold cross-validation on these cells."
    )


def _text(card: ModelCard) -> str:
    title = quoted(card.title)
    lines = [f"**{title}** takes the {FRAMINGS[card.framing]} at {card.input_size} × {card.input_size} px."]
    facts = card.training
    if facts is not None:
        lines.append(quoted(training_text(facts)))
    else:
        lines.append("The card does not say how it was trained.")
    if card.fitted is not None:
        lines.append(quoted(fitting_text(card.fitted)))
    lines += [quoted(limit if limit.endswith(".") else f"{limit}.") for limit in card.limits]
    if card.sources:
        lines.append(quoted(f"Sources: {'; '.join(card.sources)}."))
    return " ".join(lines)
