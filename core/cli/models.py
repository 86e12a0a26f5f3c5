"""`models`: which trained models there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.card import read_card
from core.checkpoints import available, default_root
from core.cli.output import emit, reports_bad_input, say
from core.errors import InputError
from core.preprocessing.framing import FRAMINGS

Checkpoints = Annotated[Path | None, typer.Option("--checkpoints", help="Folder of model folders.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]


@reports_bad_input
def models(checkpoints: Checkpoints = None, as_json: AsJson = False) -> None:
    """List the trained models: size, input, what they were trained on and what they reach."""
    root = checkpoints or default_root()
    if not root.is_dir():
        raise InputError(f"The checkpoints folder {root} does not exist. Name one with --checkpoints.")
    cards = []
    for name in available(root):
        try:
            cards.append((name, read_card(root / name / "card.json")))
        except InputError as error:
            say(f"skipped: {error}")
    document = [{"model": name, **card.model_dump(mode="json")} for name, card in cards]
    lines = [
        f"{name}: {card.title}, {card.parameters / 1e6:.2f} M parameters, {card.input_size} px, "
        f"trained on the {FRAMINGS[card.framing]}"
        + (
            f", test accuracy {card.test.accuracy:.2%} on {card.test.images} images of {card.test.data}"
            if card.test
            else ""
        )
        for name, card in cards
    ]
    emit(document, lines or ["No models."], as_json)
