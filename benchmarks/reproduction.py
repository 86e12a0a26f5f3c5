"""`python -m benchmarks reproduction`: enter finished runs into the table of the papers' experiments done again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.generated import RESULTS, write_made_part
from core.cli.common import emit, reports_bad_input
from core.reproduction.record import row_of_run
from core.reproduction.table import (
    FIGURES,
    read_reproduction_table,
    share_with_interval,
    table_markdown,
    two_digit_percent,
    write_table,
)

PAGE = RESULTS / "reproduction.md"


@reports_bad_input
def reproduction(
    runs: Annotated[list[Path] | None, typer.Argument(help="Directories of finished runs.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The table to add to.")] = FIGURES,
    note: Annotated[str, typer.Option("--note", help="A remark on these runs.")] = "",
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Bring docs/results/reproduction.md up to date.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as one JSON document.")] = False,
) -> None:
    """Add a row a run, or replace the one that the run has; everything is read from the run's own files."""
    table = read_reproduction_table(out)
    for run in runs or ():
        table = table.with_row(row_of_run(run, note))
    if runs:
        write_table(table, out)
    if write:
        write_made_part(PAGE, "reproduction", table_markdown(table))
    lines = [
        f"{row.run}: {row.title}, {row.protocol}: {share_with_interval(row.accuracy)} of {row.images:,} images, "
        f"published {two_digit_percent(row.published)}"
        for row in table.rows
    ]
    emit(table.model_dump(mode="json"), [table_markdown(table)] if as_markdown else lines or ["No rows."], as_json)
