"""A row of the reproduction table, made from a finished run's directory: nothing is typed by hand."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from core.errors import InputError
from core.evaluation.history import read_history
from core.evaluation.metrics import figures_of
from core.evaluation.predictions import PREDICTIONS, read_answers
from core.files import read_plain
from core.models.card import ModelCard, read_card
from core.reproduction.papers import PAPERS, published
from core.reproduction.table import ReproductionRow, invalid
from core.training.recipe import Recipe, checked_recipe, read_recipe, shipped_recipes

LARGEST = 1_000_000  # bytes
SIDES = ("train", "val", "test")
Paper = Literal["katar-2022", "islam-2024", "leukolens"]


def row_of_run(run: Path, note: str = "") -> ReproductionRow:
    """The row of a finished run; InputError says which of its files is missing or cannot be used."""
    folder = run / "model"
    if not folder.is_dir():
        raise InputError(f"{run} holds no finished model: {run.name}/model is missing.")
    card = read_card(folder / "card.json")
    recipe = checked_recipe(_document(run / "recipe.json"), f"{run.name}/recipe.json")
    data = _document(run / "data.json")
    figures = figures_of(read_answers(folder / PREDICTIONS, card.classes), "test", card.temperature)
    history = read_history(folder / "history.csv")
    paper = paper_of(recipe.name)
    known = published(paper, card.architecture)
    facts = card.training
    try:
        return ReproductionRow(
            run=_name(run.resolve()),
            paper=paper,
            architecture=card.architecture,
            title=card.title,
            data=_title(data, card, recipe),
            protocol=protocol(recipe, data),
            weights=_told(facts.initial_weights if facts else recipe.weights),
            input_size=card.input_size,
            epochs=len(history),
            images=figures.images,
            accuracy=figures.accuracy,
            precision=figures.macro.precision,
            sensitivity=figures.macro.sensitivity,
            f1=figures.macro.f1,
            auc=figures.macro_auc,
            validation_accuracy=history.best_validation,
            seconds=round(history.seconds or (facts.seconds if facts else 0.0), 1),
            parameters=card.parameters,
            size_mb=card.weights_mb,
            published=None if known is None else round(known.accuracy / 100, 6),
            command=command(recipe, str(data.get("name", "auto"))),
            note=note or str(data.get("leak") or "")[:1000],
            processor=facts.machine if facts else "not stated",
        )
    except ValidationError as error:
        raise invalid(f"The row of {run.name}", error) from error


def paper_of(recipe: str) -> Paper:
    """The paper whose experiment a recipe does again, by the recipe's name; else ours."""
    for name in PAPERS:
        if recipe.startswith(name):
            return "katar-2022" if name == "katar-2022" else "islam-2024"
    return "leukolens"


def protocol(recipe: Recipe, data: dict[str, Any]) -> str:
    """How the images were divided, in a sentence with the counts of each side."""
    split = recipe.split
    if split.kind == "given" and not split.folds:
        way = "the set's own split"
    else:
        drawn = f"one of {split.folds} folds" if split.folds else "drawn at random"
        way = f"{drawn}, {'stratified' if split.stratify else 'not stratified'}"
    apart = {
        "photograph": "copies of a photograph kept on one side",
        "none": "photographs not kept apart" if split.kind == "random" else "",
    }
    counts = _counts(data)
    sides = f"{' / '.join(f'{count:,}' for count in counts)} (train / validation / test)" if counts else ""
    return "; ".join(part for part in (way, apart[split.group_by], sides) if part)


def command(recipe: Recipe, data: str) -> str:
    """The command that trains by this recipe: the shipped one it goes by, and every key that differs from it."""
    words = ["python", "-m", "core", "train", recipe.name, "--architecture", recipe.architecture, "--dataset", data]
    if recipe.name in shipped_recipes():
        ours = _flat(read_recipe(recipe.name, recipe.architecture).model_dump(mode="json"))
        theirs = _flat(recipe.model_dump(mode="json"))
        changed = {key: value for key, value in theirs.items() if ours.get(key) != value}
        for key, value in changed.items():
            words += ["--set", f"{key}={_told(value)}"]
    return shlex.join([*words, "--data"]) + " DIR"


def _name(run: Path) -> str:
    return f"{run.parent.name}/{run.name}" if run.name.startswith("fold") else run.name


def _told(value: Any) -> str:
    """A key's value as TOML has it; of a place on the disk the last part alone."""
    if isinstance(value, str) and Path(value).is_absolute():
        return f"PATH/{Path(value).name}"
    return value if isinstance(value, str) and value else json.dumps(value)


def _flat(document: Any, prefix: str = "") -> dict[str, Any]:
    """A nested document as dotted keys; lists of tables by number, other lists as they are."""
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        document = {str(number): item for number, item in enumerate(document)}
    if not isinstance(document, dict):
        return {prefix: document}
    found: dict[str, Any] = {}
    for key, value in document.items():
        found |= _flat(value, f"{prefix}.{key}" if prefix else key)
    return found


def _counts(data: dict[str, Any]) -> list[int]:
    """Images of each side as `data.json` counts them; empty where it does not."""
    counts = data.get("counts")
    if not isinstance(counts, dict):
        return []
    sides = [counts.get(side) for side in SIDES]
    if not all(isinstance(side, dict) and all(isinstance(count, int) for count in side.values()) for side in sides):
        return []
    return [sum(side.values()) for side in sides if side is not None]


def _title(data: dict[str, Any], card: ModelCard, recipe: Recipe) -> str:
    """The set's title, without the words on its own split where another one was drawn."""
    title = data.get("title")
    if isinstance(title, str) and title:
        given = recipe.split.kind == "given" and not recipe.split.folds
        return title if given else title.partition(",")[0]
    return card.test.data if card.test is not None else "not stated"


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_plain(path, LARGEST))
    except OSError as error:
        raise InputError(f"{path.parent.name}/{path.name} is missing: is {path.parent} a run directory?") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.parent.name}/{path.name} is damaged.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path.parent.name}/{path.name} is none of ours.")
    return document
