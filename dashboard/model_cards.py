"""Each model's card as a text to teach from: what it was trained on, what it reaches, where it ends."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.card import ModelCard, Score, TrainingFacts
from core.preprocessing.framing import FRAMINGS
from dashboard.answers import Answer
from dashboard.figures import meanings
from dashboard.words import measured

STARTS = {"none": "from scratch", "imagenet": "from ImageNet weights"}


def show_model_cards(answers: list[Answer]) -> None:
    """Show what is known of the models that answer, folded away."""
    cards = [answer.slot.classifier.card for answer in answers if answer.slot.classifier is not None]
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
                "leaves out classes of which a set holds fewer than ten. Unseen: stains that no training image had."
            )
        st.markdown(meanings())
        for card in cards:
            st.markdown(_text(card))


def _scores(card: ModelCard) -> list[dict[str, str]]:
    tested = [_score(card.title, "as in training", card.test)] if card.test else []
    return [*tested, *(_score(card.title, "unseen", score) for score in card.unseen)]


def _score(title: str, stain: str, score: Score) -> dict[str, str]:
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
    start = STARTS.get(facts.initial_weights, f"from {facts.initial_weights} weights")
    details = [split, f"{facts.epochs} epochs", f"seed {facts.seed}", f"recipe “{facts.recipe}”"]
    told = "; ".join(detail for detail in details if detail)
    return f"Trained on {facts.images:,} images of {source}{simulated}, {start} ({told})."


def _text(card: ModelCard) -> str:
    lines = [f"**{card.title}** takes the {FRAMINGS[card.framing]} at {card.input_size} × {card.input_size} px."]
    facts = card.training
    if facts is not None:
        lines.append(training_text(facts))
    else:
        lines.append("The card does not say how it was trained.")
    lines += [limit if limit.endswith(".") else f"{limit}." for limit in card.limits]
    if card.sources:
        lines.append(f"Sources: {'; '.join(card.sources)}.")
    return " ".join(lines)
