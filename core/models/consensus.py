"""Whether several models agree, in a plain sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.models.classifier import Prediction


@dataclass(frozen=True)
class Consensus:
    """`majority` is the class that more models name than any other, None at a tie; `dissenters` are model names."""

    sentence: str
    agree: bool
    majority: str | None
    dissenters: tuple[str, ...]


def consensus(predictions: Sequence[Prediction], titles: Mapping[str, str] | None = None) -> Consensus:
    """Say whether the models of `predictions` name the same class, and who does not; `titles` gives readable names."""
    names = titles or {}
    if not predictions:
        return Consensus("No model takes part.", False, None, ())
    votes = Counter(prediction.predicted for prediction in predictions)
    majority, count = votes.most_common(1)[0]
    if len(predictions) == 1:
        only = predictions[0]
        sentence = f"{_named(only, names)} alone answers: {only.predicted}, {_percent(only.confidence)}."
        return Consensus(sentence, True, majority, ())
    if count == len(predictions):
        low = min(prediction.confidence for prediction in predictions)
        every = "Both models name" if count == 2 else f"All {count} models name"
        return Consensus(f"{every} it {_article(majority)}, each with {_at_least(low)}.", True, majority, ())
    if sum(votes[name] == count for name in votes) > 1:
        answers = "; ".join(f"{_named(p, names)}: {p.predicted}, {_percent(p.confidence)}" for p in predictions)
        return Consensus(f"The models disagree. {answers}.", False, None, ())
    against = [prediction for prediction in predictions if prediction.predicted != majority]
    said = ", ".join(f"{_named(p, names)} says {p.predicted}, {_percent(p.confidence)}" for p in against)
    sentence = f"{count} of {len(predictions)} models name it {_article(majority)}; {said}."
    return Consensus(sentence, False, majority, tuple(prediction.model for prediction in against))


def unfamiliar_sentence(predictions: Sequence[Prediction]) -> str | None:
    """A warning when at least half of the models that can tell find the picture unlike what they know."""
    telling = [prediction for prediction in predictions if prediction.novelty is not None]
    strange = sum(prediction.unfamiliar for prediction in telling)
    if not telling or 2 * strange < len(telling):
        return None
    return (
        f"Unfamiliar stain or cell: {strange} of {len(telling)} models have seen little like it in training. "
        "Their answers below may be wrong."
    )


def _named(prediction: Prediction, titles: Mapping[str, str]) -> str:
    return titles.get(prediction.model, prediction.model)


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _at_least(share: float) -> str:
    return _percent(share) if share >= 0.995 else f"at least {_percent(share)}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share < 0.995 else "over 99 %"
