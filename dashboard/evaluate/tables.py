"""Tables of an evaluation: models side by side, over all and by class, and on stains that they never saw."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from core.evaluation.intervals import Estimate
from core.evaluation.intervals import wilson as counted
from core.evaluation.metrics import FEWEST, Figures
from core.models.card import CardScore
from dashboard.evaluate.models import Evaluated
from dashboard.ui.format import NONE, decimal, interval, share
from dashboard.ui.glossary import term
from dashboard.ui.html import class_colour, table

TERMS = {
    "accuracy": ("Accuracy", "The share of all images that are named right."),
    "sensitivity": (
        "Sensitivity",
        "Of the cells of a class, the share that is named so: TP / (TP + FN). Also: recall.",
    ),
    "precision": ("Precision", "Of the cells named so, the share that is of the class: TP / (TP + FP)."),
    "f1": ("F1", "The harmonic mean of precision and sensitivity: 2 TP / (2 TP + FP + FN)."),
    "specificity": ("Specificity", "Of the cells of other classes, the share that is not named so: TN / (TN + FP)."),
    "auc": (
        "AUC",
        "The area under the ROC curve, this class against the rest: how often a cell of the class gets a higher "
        "probability than one of another. 1 is perfect, 0.5 is chance.",
    ),
    "ece": (
        "Calibration error",
        "How far stated confidence and the share that is right lie apart, over 15 bins (ECE, Guo et al. 2017). "
        "0 is perfect.",
    ),
}

INTERVALS = (
    "Small figures are 95 % confidence intervals: Wilson's for shares (1927), the same carried over for F1 "
    "(Lam et al. 2023), DeLong's for AUC (1988, on the logit scale; Newcombe's where no answer is out of order), a "
    "bootstrap of the images for means (2,000 seeded draws). They tell the chance in choosing these images, not what "
    "another stain, camera or training seed would do."
)


def cell(estimate: Estimate, kind: str = "") -> str:
    """A table's cell: the figure, and below it its interval."""
    value = decimal(estimate.value, 4) if kind == "auc" else share(estimate.value)
    return f"{value}<small>{interval(estimate, kind)}</small>"


def head(kind: str, mean: bool = False) -> str:
    """A column's head with its meaning to hover."""
    title, meaning = TERMS[kind]
    text = f"Mean {title if title.isupper() or kind == 'f1' else title.lower()}" if mean else title
    return f'<th scope="col">{term(text, meaning)}</th>'


def glossary() -> str:
    """Every term with its meaning, as Markdown."""
    return "\n".join([f"- **{title}**: {meaning}" for title, meaning in TERMS.values()] + ["", INTERVALS])


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


OTHERS: dict[str, tuple[str, str]] = {
    "left_out": (
        "Trained without this laboratory, tested on it",
        "What to expect on slides of a laboratory that the models have not met: for each laboratory a model was "
        "trained by the same recipe on all the others.",
    ),
    "unseen": ("On stains never seen in training", "Other laboratories' stains and cameras."),
    "held_back": (
        "Other cells of laboratories that were trained on",
        "The laboratory's stain is known to the models, these cells are not.",
    ),
}
"""Figures on other laboratories, by their field in the card: heading, and what they tell."""


def class_mark(name: str) -> str:
    """A class's name beside a mark of its colour."""
    return f'<span class="ll-mark" style="background:{class_colour(name)}"></span>\u00a0{escape(name)}'


def others_table(kind: str, models: Sequence[Evaluated]) -> str:
    """A row a model and set of another laboratory, as the cards keep them; empty where none does.

    `kind` is a key of OTHERS: a field of the card.
    """
    scores = [(model.title, score) for model in models if model.card for score in getattr(model.card, kind)]
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
    return table(OTHERS[kind][0], heads, [_other(*pair, names) for pair in ordered])


def _other(told: str, score: CardScore, names: Sequence[str]) -> str:
    right = round(score.accuracy * score.images)
    cells = [f"{score.images:,}", cell(counted(right, score.images)), share(score.mean_recall)]
    cells += [_recall(score, name) for name in names]
    figures = "".join(f"<td>{text}</td>" for text in cells)
    return f'<tr><td class="ll-left">{escape(score.data)}</td><th scope="row">{escape(told)}</th>{figures}</tr>'


def _recall(score: CardScore, name: str) -> str:
    images, recall = score.counts.get(name, 0), score.recall.get(name, -1.0)
    if images <= 0 or not 0 <= recall <= 1:
        return NONE
    few = ' <span class="ll-few">few</span>' if images < FEWEST else ""
    return f"{cell(counted(round(recall * images), images))}<small>of {images:,}{few}</small>"


def overview_table(models: Sequence[Evaluated]) -> str:
    """A row a model: its own laboratory beside others, those first that tell what to expect of a stranger's slides."""
    known = list(dict.fromkeys(score.data for model in models if model.card for score in model.card.held_back))
    unseen = list(dict.fromkeys(score.data for model in models if model.card for score in model.card.unseen))
    heads = [
        '<th scope="col" class="ll-left">Model</th>',
        f'<th scope="col">{term("Left out: mean recall", OTHERS["left_out"][1])}</th>',
        '<th scope="col">Own laboratory: accuracy</th>',
        '<th scope="col">Own laboratory: mean recall</th>',
        *(f'<th scope="col">{escape(name)}: mean recall</th>' for name in (*unseen, *known)),
    ]
    return table("Own laboratory and others side by side", heads, [_overview(m, unseen, known) for m in models])


def _overview(model: Evaluated, unseen: Sequence[str], known: Sequence[str]) -> str:
    card = model.card
    if card is None:
        return ""
    left = [score.mean_recall for score in card.left_out if score.mean_recall is not None]
    laboratories = "laboratory" if len(left) == 1 else "laboratories"
    cells = [f"{share(sum(left) / len(left))}<small>{len(left)} {laboratories}</small>" if left else NONE]
    cells.append(cell(model.figures.accuracy) if model.figures else share(card.test.accuracy if card.test else None))
    cells.append(cell(model.figures.macro.sensitivity) if model.figures else NONE)
    for names, scores in ((unseen, card.unseen), (known, card.held_back)):
        by_name = {score.data: score for score in scores}
        cells += [_mean_recall(by_name.get(name)) for name in names]
    return f'<tr><th scope="row">{escape(model.title)}</th>{"".join(f"<td>{text}</td>" for text in cells)}</tr>'


def _mean_recall(score: CardScore | None) -> str:
    return NONE if score is None else f"{share(score.mean_recall)}<small>n = {score.images:,}</small>"
