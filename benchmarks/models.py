"""`python -m benchmarks models`: what the models' cards say of them, as tables for docs/results/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.generated import RESULTS, write_made_part
from core.cli.common import emit, reports_bad_input
from core.errors import InputError
from core.evaluation.intervals import wilson
from core.models.card import CardScore, ModelCard, read_card
from core.models.checkpoints import available, default_root
from core.reproduction.table import minutes

PAGE = RESULTS / "models.md"
NONE = "–"


@reports_bad_input
def models(
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints", help="Folder of model folders.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Bring docs/results/models.md up to date.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as one JSON document.")] = False,
) -> None:
    """Print the tables that the cards of the trained models give."""
    cards = read_cards(checkpoints or default_root())
    text = markdown(cards)
    if write:
        write_made_part(PAGE, "models", text)
    emit([card.model_dump(mode="json") for card in cards], [text], as_json)


def read_cards(root: Path) -> tuple[ModelCard, ...]:
    """The cards of the model folders in `root`; InputError where there is none, or one is damaged."""
    cards = tuple(read_card(root / name / "card.json") for name in available(root))
    if not cards:
        raise InputError(f"There is no model folder in {root}. Name another place with --checkpoints.")
    return cards


def markdown(cards: Sequence[ModelCard]) -> str:
    """The tables: what each model is, what it reaches on each set, class by class, and how it was trained."""
    return "\n\n".join(
        [
            "### What they are",
            _table(
                ("model", "parameters", "as published", "input", "what it is shown", "weights"),
                [_size_row(card) for card in cards],
            ),
            "### What they reach",
            "Accuracy with its 95 % interval (Wilson), and mean recall over the classes of ten images or more.",
            *(part for data, scores in _by_set(cards).items() for part in (f"**{data}**", _score_table(data, scores))),
            "### How they were trained",
            _table(
                ("model", "recipe", "began with", "images", "simulated", "epochs", "seed", "time", "precision"),
                [_training_row(card) for card in cards],
            ),
            "### What their cards warn of",
            *(_warnings(card) for card in cards),
        ]
    )


def _by_set(cards: Iterable[ModelCard]) -> dict[str, list[tuple[str, CardScore]]]:
    """Scores by the name of their set, each with the title of its model."""
    found: dict[str, list[tuple[str, CardScore]]] = {}
    for card in cards:
        for score in (*([card.test] if card.test else []), *card.unseen, *card.held_back, *card.left_out):
            found.setdefault(score.data, []).append((card.title, score))
    return found


def _score_table(data: str, scores: Sequence[tuple[str, CardScore]]) -> str:
    counts = scores[0][1].counts
    if any(score.counts != counts for _, score in scores):
        raise InputError(f"The cards count the images of “{data}” differently: measure the models on one copy of it.")
    heads = ("model", "accuracy", "mean recall", *(f"{name} ({count:,})" for name, count in counts.items()))
    return _table(heads, [_score_row(title, score) for title, score in scores])


def _score_row(title: str, score: CardScore) -> tuple[str, ...]:
    found = wilson(round(score.accuracy * score.images), score.images)
    interval = f"{100 * (found.low or 0):.1f} to {100 * (found.high or 0):.1f}" if found.defined else NONE
    recalls = (_percent(score.recall.get(name)) for name in score.counts)
    return (title, f"{_percent(score.accuracy)} ({interval})", _percent(score.mean_recall), *recalls)


def _size_row(card: ModelCard) -> tuple[str, ...]:
    published = NONE if card.published_millions is None else f"{card.published_millions:.2f} M"
    shown = {"cell": "cut-out cell", "frame": "whole frame", "islam": "masked cell"}[card.framing]
    size = f"{card.input_size} px"
    return (card.title, f"{card.parameters / 1e6:.2f} M", published, size, shown, f"{card.weights_mb:.1f} MB")


def _training_row(card: ModelCard) -> tuple[str, ...]:
    facts = card.training
    if facts is None:
        return (card.title, *[NONE] * 8)
    took = f"{minutes(facts.seconds)}, {facts.machine}"
    numbers = (f"{facts.images:,}", f"{facts.simulated_images:,}", str(facts.epochs), str(facts.seed))
    start = "nothing" if facts.initial_weights == "none" else facts.initial_weights
    return (card.title, f"`{facts.recipe}`", start, *numbers, took, facts.precision)


def _warnings(card: ModelCard) -> str:
    return "\n".join([f"**{card.title}**", "", *(f"- {limit}" for limit in card.limits)])


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f} %"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
