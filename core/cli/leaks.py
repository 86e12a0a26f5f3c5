"""`leaks`: find images that come from one photograph, and say which splits share them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from core.cli.models import AsJson
from core.cli.output import emit, reports_bad_input, say
from core.errors import InputError


@reports_bad_input
def leaks(
    dirs: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders of images.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write groups.csv: path (relative to its DIR), group, dir.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find images of one photograph: copied, flipped, rotated, cropped, scaled, recoloured, re-compressed.

    Images are compared inside and across the folders and grouped; an image without a copy is its own group. Splits are
    the published ones of a known set, folders named TRAIN, test, val and the like, and the DIRs themselves.
    """
    from core.leaks.groups_file import check_out, write_groups
    from core.leaks.photographs import find_groups
    from core.leaks.places import find_places, shown
    from core.leaks.report import Report

    started = time.monotonic()
    if out is not None:
        check_out(out)
    places, notes = find_places(dirs)
    for note in notes:
        say(note)
    groups, unread = find_groups([place.file for place in places], say)
    for index, reason in unread.items():
        say(f"skipped {shown(str(places[index].file))}: {reason}")
    if len(unread) == len(places):
        raise InputError(f"None of the {len(places):,} images can be read.")
    kept = [index for index in range(len(places)) if index not in unread]
    numbers = _renumbered([int(groups[index]) for index in kept])
    report = Report(
        [places[index] for index in kept],
        numbers,
        [(places[index].dir, places[index].path, reason) for index, reason in unread.items()],
        notes,
        time.monotonic() - started,
    )
    if out is not None:
        write_groups(
            out, [(place.path, group, place.dir) for place, group in zip(report.places, report.groups, strict=True)]
        )
    emit(report.document() if as_json else None, report.lines(), as_json)


def _renumbered(groups: list[int]) -> list[int]:
    """0, 1, 2, ... as groups first appear."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]
