"""Tables of an evaluation: models side by side, over all and by class, and on stains that they never saw."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from core.card import Score
from core.evaluation.estimate import share as counted
from core.evaluation.figures import Figures
from core.metrics import FEWEST
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import NONE, cell, decimal, head, share, table
from dashboard.palette import class_colour

MEANS = ("precision", "sensitivity", "f1", "specificity")
BY_CLASS = ("sensitivity", "precision", "f1", "specificity")


def summary_table(models: Sequence[Evaluated]) -> str:
    """A row a model: accuracy, means over the classes, calibration, with the number of images beside them."""
    heads = [
        '<th scope="col" class="ll-left">Model</th>',
        '<th scope="col" title="Images that the figures rest on">n</th>',
        head("accuracy"),
        *(head(kind, mean=True) for kind in MEANS),
        head("auc", mean=True),
        head("ece"),
    ]
    return table("Figures of each model over all classes", heads, [_summary(model) for model in models])


def _summary(model: Evaluated) -> str:
    name = f'<th scope="row">{escape(model.title)}</th>'
    figures = model.figures
    if figures is None:
        return f'<tr>{name}<td colspan="{4 + len(MEANS)}">no figures</td></tr>'
    cells = [f"{figures.images:,}", cell(figures.accuracy)]
    cells += [cell(getattr(figures.macro, kind)) for kind in MEANS]
    cells += [cell(figures.macro_auc, "auc"), decimal(figures.calibration.ece)]
    return f"<tr>{name}{''.join(f'<td>{text}</td>' for text in cells)}</tr>"


def class_table(models: Sequence[Evaluated]) -> str:
    """Rows of each class, a model below the other, so that they compare."""
    names = list(dict.fromkeys(name for model in models if model.figures for name in model.figures.classes))
    heads = [
        '<th scope="col">Class</th>',
        '<th scope="col" class="ll-left">Model</th>',
        '<th scope="col" title="Images of the class">n</th>',
        *(head(kind) for kind in BY_CLASS),
        head("auc"),
    ]
    rows = [row for name in names for row in _class_rows(name, models)]
    return table("Figures of each class and model", heads, rows)


def _class_rows(name: str, models: Sequence[Evaluated]) -> list[str]:
    knowing = [(model.title, model.figures) for model in models if model.figures and name in model.figures.classes]
    rows = []
    for number, (told, figures) in enumerate(knowing):
        first = f'<th scope="rowgroup" rowspan="{len(knowing)}">{class_mark(name)}</th>' if not number else ""
        start = "" if number else ' class="ll-first"'
        rows.append(f'<tr{start}>{first}<th scope="row">{escape(told)}</th>{_cells(name, figures)}</tr>')
    return rows


def _cells(name: str, figures: Figures) -> str:
    rates = figures.rates(name)
    curve = next(curve for curve in figures.roc if curve.name == name)
    few = f' <span class="ll-few" title="Under {FEWEST} images: left out of the means">few</span>' if rates.few else ""
    cells = [f"{rates.images:,}{few}", *(cell(getattr(rates, kind)) for kind in BY_CLASS), cell(curve.auc, "auc")]
    return "".join(f"<td>{text}</td>" for text in cells)


def class_mark(name: str) -> str:
    """A class's name beside a mark of its colour."""
    return f'<span class="ll-mark" style="background:{class_colour(name)}"></span>\u00a0{escape(name)}'


def unseen_table(models: Sequence[Evaluated]) -> str:
    """A row a model and set of another stain, as the cards keep them; empty where none does."""
    scores = [(model.title, score) for model in models if model.card for score in model.card.unseen]
    if not scores:
        return ""
    names = list(dict.fromkeys(name for _, score in scores for name in score.counts))
    heads = [
        '<th scope="col" class="ll-left">Set</th>',
        '<th scope="col" class="ll-left">Model</th>',
        '<th scope="col">n</th>',
        head("accuracy"),
    ]
    heads += [head("sensitivity", mean=True), *(f'<th scope="col">{class_mark(name)}</th>' for name in names)]
    sets = list(dict.fromkeys(score.data for _, score in scores))
    ordered = sorted(scores, key=lambda pair: sets.index(pair[1].data))
    return table("Figures on stains that no training image had", heads, [_unseen(*pair, names) for pair in ordered])


def _unseen(told: str, score: Score, names: Sequence[str]) -> str:
    right = round(score.accuracy * score.images)
    cells = [f"{score.images:,}", cell(counted(right, score.images)), share(score.mean_recall)]
    cells += [_recall(score, name) for name in names]
    figures = "".join(f"<td>{text}</td>" for text in cells)
    return f'<tr><td class="ll-left">{escape(score.data)}</td><th scope="row">{escape(told)}</th>{figures}</tr>'


def _recall(score: Score, name: str) -> str:
    images, recall = score.counts.get(name, 0), score.recall.get(name, -1.0)
    if images <= 0 or not 0 <= recall <= 1:
        return NONE
    few = ' <span class="ll-few">few</span>' if images < FEWEST else ""
    return f"{cell(counted(round(recall * images), images))}<small>of {images:,}{few}</small>"
