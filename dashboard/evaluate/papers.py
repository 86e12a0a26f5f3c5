"""The two papers' tables beside ours, and their experiments done again."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.errors import InputError
from core.evaluation.metrics import Figures
from core.reproduction.papers import PAPERS, Paper, PaperModel
from core.reproduction.table import ReproductionRow, read_reproduction_table
from dashboard.evaluate.models import Evaluated
from dashboard.evaluate.tables import cell, class_mark, head
from dashboard.ui.format import NONE, decimal, lasted, millions, share, size
from dashboard.ui.html import table

NOT_THE_SAME = (
    "Rows of ours stand below with another background. They are **not measured on the papers' images**: each names its "
    "own set and number of images. A paper's figure has no interval, for it gives none."
)


DIFFERENCES = {
    "data": "images",
    "protocol": "how they were divided",
    "weights": "starting weights",
    "epochs": "epochs",
    "input_size": "input size",
    "note": "what is noted here",
}


def show_papers(models: Sequence[Evaluated]) -> None:
    """Show each paper's table with ours of the same architecture, then the experiments done again."""
    st.markdown(NOT_THE_SAME)
    for paper in PAPERS.values():
        st.html(f'<h4 class="ll-method">{escape(paper.authors)}</h4>')
        st.caption(f"{paper.data}, {paper.images:,} images; {paper.split}. {paper.training}. {paper.remark}")
        st.html(paper_table(paper, models))
        if _by_class(paper):
            st.caption("P / S / F1: precision, sensitivity and F1 of the class. Intervals of ours stand further up.")


def _by_class(paper: Paper) -> bool:
    return any(model.per_class for model in paper.models)


def paper_table(paper: Paper, models: Sequence[Evaluated]) -> str:
    """The paper's rows, each followed by those of ours of the same architecture."""
    by_class = _by_class(paper)
    names = [name for name, _ in paper.counts]
    heads = ['<th scope="col">Model</th>', '<th scope="col" class="ll-left">Measured on</th>', head("accuracy")]
    if by_class:
        told = "Precision / sensitivity / F1 of the class, in per cent"
        heads += [
            f'<th scope="col" title="{told}">{class_mark(name)}<small>P / S / F1, %</small></th>' for name in names
        ]
    else:
        heads += [head(kind, mean=True) for kind in ("precision", "sensitivity", "f1", "auc")]
        heads += ['<th scope="col">Training</th>', '<th scope="col">Weights</th>']
    rows = []
    for model in paper.models:
        rows.append(_published_class_row(model, names) if by_class else _published_row(model))
        ours = [one for one in models if one.card and one.figures and one.card.architecture == model.architecture]
        rows += [_our_class_row(one, names) if by_class else _our_row(one) for one in ours]
    return table(f"Table of {paper.authors}, and ours", heads, rows)


def _start(title: str, measured_on: str, ours: bool) -> str:
    kind = ' class="ll-ours"' if ours else ' class="ll-first"'
    return f'<tr{kind}><th scope="row">{escape(title)}</th><td class="ll-left">{escape(measured_on)}</td>'


def _cells(cells: Sequence[str]) -> str:
    return "".join(f"<td>{text}</td>" for text in cells) + "</tr>"


def _published_row(model: PaperModel) -> str:
    means = [share(value, 0) for value in (model.precision, model.recall, model.f1)]
    seconds = NONE if model.seconds is None else lasted(model.seconds)
    weights = NONE if model.size_mb is None else size(model.size_mb)
    cells = [f"{model.accuracy:.2f}\u00a0%", *means, decimal(model.auc, 4), seconds, weights]
    return _start(model.title, "the paper's test images", False) + _cells(cells)


def _measured_on(figures: Figures) -> str:
    return f"{figures.data}, n\u00a0=\u00a0{figures.images:,}"


def _our_row(model: Evaluated) -> str:
    figures, card = model.figures, model.card
    assert figures is not None and card is not None
    macro = figures.macro
    seconds = NONE if card.training is None else lasted(card.training.seconds)
    cells = [cell(figures.accuracy), *(cell(one) for one in (macro.precision, macro.sensitivity, macro.f1))]
    cells += [cell(figures.macro_auc, "auc"), seconds, size(card.weights_mb)]
    return _start(f"{model.title}, ours", _measured_on(figures), True) + _cells(cells)


def _published_class_row(model: PaperModel, names: Sequence[str]) -> str:
    results = dict(model.per_class)
    parts = [results.get(name) for name in names]
    cells = [f"{one.precision:g} / {one.sensitivity:g} / {one.f1:g}" if one else NONE for one in parts]
    return _start(model.title, "the paper's test images", False) + _cells([f"{model.accuracy:.2f}\u00a0%", *cells])


def _our_class_row(model: Evaluated, names: Sequence[str]) -> str:
    figures = model.figures
    assert figures is not None
    cells = [cell(figures.accuracy)]
    for name in names:
        if name not in figures.classes:
            cells.append(NONE)
            continue
        rates = figures.rates(name)
        cells.append(" / ".join(_bare(one.value) for one in (rates.precision, rates.sensitivity, rates.f1)))
    return _start(f"{model.title}, ours", _measured_on(figures), True) + _cells(cells)


def _bare(value: float | None) -> str:
    return share(value).replace("\u00a0%", "")


def show_reproduction() -> None:
    """Show the papers' experiments done again by our commands, or that none was entered yet."""
    try:
        found = read_reproduction_table()
    except InputError as error:
        st.warning(f"The table of the runs cannot be read: {error}", icon=":material/block:")
        return
    if not found.rows:
        st.info(
            "No run has been entered yet. `python -m core train katar-2022 --data DIR` and `… train islam-2024 …` do "
            "the experiments; `python -m benchmarks reproduction RUN_DIR…` enters them here.",
            icon=":material/science:",
        )
        return
    for name in (*PAPERS, "leukolens"):
        rows = found.of(name)
        if rows:
            authors = PAPERS[name].authors if name in PAPERS else "Our own recipe"
            st.html(f'<h4 class="ll-method">{escape(authors)}, done again</h4>{reproduction_table(rows)}')
    with st.expander("The commands that made these rows", icon=":material/terminal:"):
        st.code("\n".join(f"{row.command}  # {row.run}" for row in found.rows), language="bash", wrap_lines=True)


def reproduction_table(rows: Sequence[ReproductionRow]) -> str:
    """A row a run."""
    heads = ['<th scope="col">Model</th>', '<th scope="col" class="ll-left">Images and how they were divided</th>']
    heads += ['<th scope="col">Test n</th>', head("accuracy"), '<th scope="col">Published</th>']
    heads += [head(kind, mean=True) for kind in ("precision", "sensitivity", "f1", "auc")]
    heads += ['<th scope="col" class="ll-left">Training</th>', '<th scope="col">Weights</th>']
    return table("Experiments of the papers done again", heads, [_run_row(row, difference(row, rows)) for row in rows])


def difference(row: ReproductionRow, rows: Sequence[ReproductionRow]) -> str:
    """Say in what a row differs from the others of the same network; "" where it is the only one."""
    others = [one for one in rows if one.title == row.title and one is not row]
    if not others:
        return ""
    differs = [
        told for name, told in DIFFERENCES.items() if any(getattr(one, name) != getattr(row, name) for one in others)
    ]
    return f"unlike the other row: {', '.join(differs)}" if differs else "the same once more"


def _run_row(row: ReproductionRow, unlike: str) -> str:
    below = [text for text in (f"weights: {row.weights}", row.note, unlike) if text]
    cells = [
        f"{row.images:,}",
        cell(row.accuracy),
        share(row.published, 2),
        *(cell(one) for one in (row.precision, row.sensitivity, row.f1)),
        cell(row.auc, "auc"),
    ]
    epochs = f"{row.epochs} epochs at {row.input_size}\u00a0px; {escape(row.processor)}"
    weights = f"{size(row.size_mb)}<small>{millions(row.parameters / 1e6)}</small>"
    notes = "".join(f"<small>{escape(text)}</small>" for text in below)
    title = f'<tr><th scope="row" class="ll-wrap">{escape(row.title)}{notes}</th>'
    made = f'<td class="ll-left">{lasted(row.seconds)}<small>{epochs}</small></td><td>{weights}</td></tr>'
    figures = "".join(f"<td>{text}</td>" for text in cells)
    return f'{title}<td class="ll-left">{escape(row.data)}<small>{escape(row.protocol)}</small></td>{figures}{made}'
