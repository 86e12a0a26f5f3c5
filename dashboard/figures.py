"""What a model's card says about it, as figures beside its answer and as a text for teaching."""

from __future__ import annotations

from core.card import ModelCard
from core.prediction import Prediction
from dashboard.words import duration, measured, millions, size

MEANINGS = {
    "Margin": "The first class's probability less the second's: near 0 the model wavers, near 1 it is sure.",
    "Accuracy": "Share of the test images that it names right; n is how many there are. Training saw none of them.",
    "Parameters": "Numbers learnt in training, in millions, and the size group: < 15 M, 15-70 M, > 70 M.",
    "As published": "Parameters and size group of the network as first published, with its 1,000-class head.",
    "Weights": "Size of the weights' file.",
    "Time": "One forward pass for this image on this server, when it was first asked.",
}


def figures(card: ModelCard, prediction: Prediction) -> list[tuple[str, str, str]]:
    """Return (term, meaning, value) for an answer and its model."""
    published = card.published_millions
    values = {
        "Margin": f"{prediction.margin:.2f}",
        "Accuracy": accuracy(card),
        "Parameters": f"{millions(card.parameters / 1e6)} ({card.group})",
        "As published": f"{millions(published)} ({card.published_group})" if published else "not stated",
        "Weights": size(card.weights_mb),
        "Time": duration(prediction.seconds),
    }
    return [(term, MEANINGS[term], value) for term, value in values.items()]


def accuracy(card: ModelCard) -> str:
    """Return the test accuracy with its sample size and data set, or that there is none."""
    if card.test is None:
        return "not tested"
    return f"{measured(card.test.accuracy)}, n = {card.test.images:,} ({card.test.data})"


def meanings() -> str:
    """Return the meanings of all terms as Markdown, for readers whom a hovered hint does not reach."""
    return "\n".join(f"- **{term}**: {meaning}" for term, meaning in MEANINGS.items())
