"""The reproduction table: rows made from finished runs, kept in `figures.json`, and the Markdown that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from core.errors import InputError
from core.evaluation.intervals import Estimate, Frozen
from core.files import write_whole
from core.reproduction.papers import PAPERS

FIGURES = Path(__file__).with_name("figures.json")
LARGEST = 2_000_000  # bytes

HEAD = (
    "| model | split of the images | test n | accuracy (95 % interval) | published | precision / sensitivity / F1 "
    "| AUC | input, epochs | time |\n|---|---|---|---|---|---|---|---|---|"
)


class ReproductionRow(Frozen):
    """One run: what was trained on which images and how they were split, and what it reached on its test side.

    `run` is the run directory's name and tells rows apart. `published` is the paper's test accuracy, 0-1, None where
    it has none for this architecture. `images` are the test images, `seconds` the training's, `size_mb` the weights'.
    """

    run: str = Field(max_length=120)
    paper: Literal["katar-2022", "islam-2024", "leukolens"]
    architecture: str = Field(max_length=80)
    title: str = Field(max_length=120)
    data: str = Field(max_length=300)
    protocol: str = Field(max_length=600)
    weights: str = Field(max_length=300)
    input_size: int = Field(gt=0, le=4096)
    epochs: int = Field(ge=0)
    images: int = Field(ge=0)
    accuracy: Estimate
    precision: Estimate
    sensitivity: Estimate
    f1: Estimate
    auc: Estimate
    validation_accuracy: float | None = Field(default=None, ge=0, le=1)
    seconds: float = Field(ge=0)
    parameters: int = Field(gt=0)
    size_mb: float = Field(ge=0)
    published: float | None = Field(default=None, ge=0, le=1)
    command: str = Field(max_length=2000)
    note: str = Field(default="", max_length=1000)
    processor: str = Field(max_length=300)


class Table(Frozen):
    """All rows, in the order in which they are shown."""

    format: Literal[1] = 1
    rows: tuple[ReproductionRow, ...] = ()

    def of(self, paper: str) -> tuple[ReproductionRow, ...]:
        """Rows that do a paper's experiment again."""
        return tuple(row for row in self.rows if row.paper == paper)

    def with_row(self, row: ReproductionRow) -> Table:
        """The table with `row` in the place of the one of the same run, else at the end."""
        runs = [other.run for other in self.rows]
        if row.run not in runs:
            return Table(rows=(*self.rows, row))
        return Table(rows=tuple(row if other.run == row.run else other for other in self.rows))


def read_reproduction_table(path: Path = FIGURES) -> Table:
    """Read and validate the table; empty where there is no file, InputError where it is none of ours."""
    if not path.is_file():
        return Table()
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path.name} is over {LARGEST / 1e6:.0f} MB: no table of ours is.")
    try:
        return Table.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise invalid(path.name, error) from error


def invalid(source: str, error: ValidationError) -> InputError:
    """What is wrong first with the figures of `source`, in a sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return InputError(f"{source} is not valid: {where}: {first['msg'].lower()}.")


def write_table(table: Table, path: Path) -> None:
    """Write the table as a whole; InputError where the disk will not have it."""
    try:
        write_whole(path, (table.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}.") from error


def table_markdown(table: Table) -> str:
    """One table a paper, and below them the commands that made the rows; a sentence where there are none."""
    parts = []
    for name in (*PAPERS, "leukolens"):
        rows = table.of(name)
        if rows:
            title = PAPERS[name].authors if name in PAPERS else "Our own recipe"
            data = sorted({row.data for row in rows})
            parts.append("\n".join([f"**{title}**, on {'; '.join(data)}", "", HEAD, *(_line(row) for row in rows)]))
    if not parts:
        return "No run has been entered yet: `python -m benchmarks reproduction RUN_DIR…`."
    commands = [f"{row.command}  # {row.run}" for row in table.rows]
    return "\n\n".join([*parts, "\n".join(["```", *commands, "```"])])


def _line(row: ReproductionRow) -> str:
    note = f" ({row.note})" if row.note else ""
    means = " / ".join(two_digit_percent(one.value) for one in (row.precision, row.sensitivity, row.f1))
    cells = (
        f"{row.title}, weights: {row.weights}{note}",
        row.protocol,
        f"{row.images:,}",
        share_with_interval(row.accuracy),
        two_digit_percent(row.published),
        means,
        "–" if row.auc.value is None else f"{row.auc.value:.4f}",
        f"{row.input_size} px, {row.epochs}",
        f"{minutes(row.seconds)}, {row.processor}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def two_digit_percent(value: float | None) -> str:
    """A share as a percentage with two digits behind the point; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.2f} %"


def share_with_interval(estimate: Estimate) -> str:
    """A share with its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "–"
    return f"{two_digit_percent(estimate.value)} ({100 * estimate.low:.2f} to {100 * estimate.high:.2f})"


def minutes(seconds: float) -> str:
    """A training's time in minutes or hours."""
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
