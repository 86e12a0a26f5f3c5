"""Whether several models agree, in a plain sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.classes import known_as, shared_classes
from core.models.classifier import Prediction


@dataclass(frozen=True)
class Consensus:
    """`majority` is the class that more models name than any other, None at a tie; `dissenters` are model names."""

    sentence: str
    agree: bool
    majority: str | None
    dissenters: tuple[str, ...]


def consensus(predictions: Sequence[Prediction], titles: Mapping[str, str] | None = None) -> Consensus:
    """Say whether the models of `predictions` name the same class, and who does not; `titles` gives readable names.

    Models that know different classes are compared on those in common, and the sentence says so.
    """
    names = titles or {}
    if not predictions:
        return Consensus("No model takes part.", False, None, ())
    shared = shared_classes([prediction.classes for prediction in predictions])
    if all(len(prediction.classes) == len(shared) for prediction in predictions):
        return _agreement([_within(prediction, shared) for prediction in predictions], names)
    if len(shared) < 2:
        return Consensus("The models have no two classes in common: they are not compared.", False, None, ())
    found = _agreement([_within(prediction, shared) for prediction in predictions], names)
    return replace(found, sentence=f"{found.sentence} {_told_of_shared(predictions, shared, names)}")


def _within(prediction: Prediction, classes: Sequence[str]) -> Prediction:
    """A model's answer if it knew these of its classes alone, by these names; itself where they are all, so called."""
    if prediction.classes == tuple(classes):
        return prediction
    known = [known_as(name, prediction.classes) or name for name in classes]
    places = [prediction.classes.index(name) for name in known]
    chosen = prediction.probabilities[places]
    probabilities = chosen / chosen.sum() if chosen.sum() > 0 else np.full_like(chosen, 1 / len(chosen))
    return replace(prediction, classes=tuple(classes), logits=prediction.logits[places], probabilities=probabilities)


def _told_of_shared(predictions: Sequence[Prediction], shared: Sequence[str], names: Mapping[str, str]) -> str:
    """On what the models were compared, and who answers something else."""
    told = f"Compared on the classes in common: {', '.join(shared)}."
    beyond = [one for one in predictions if known_as(one.predicted, shared) is None]
    said = "; ".join(f"{_named(one, names)} itself says {one.predicted}, {_percent(one.confidence)}" for one in beyond)
    return f"{told} {said}." if said else told


def _agreement(predictions: Sequence[Prediction], names: Mapping[str, str]) -> Consensus:
    """As `consensus`, of at least one answer, all of the same classes."""
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
