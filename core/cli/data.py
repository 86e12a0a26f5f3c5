"""Commands about images: `datasets` (the known sets, and whether they are here as published), `leaks` (photographs that
splits share) and `samples` (simulated cells with their masks)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli.common import AsJson, emit, progress, reports_bad_input, say
from core.data.datasets import KINDS, Inventory, inventory
from core.data.fetch import DOWNLOADS, fetch
from core.data.known_sets import KNOWN, KnownSet
from core.data.readers import is_folder
from core.errors import InputError
from core.settings import assignments
from core.simulation.gallery import (
    Sample,
    check_folder,
    designs_with,
    plan_samples,
    write_labels,
    write_sample,
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="LEUKOLENS_DATA",
        help="Folder of known sets, one set's own folder, a folder of class folders, or a CSV of path,label.",
    ),
]

DatasetName = Annotated[
    str, typer.Option("--dataset", help=f"What --data is: {', '.join(KINDS)}. auto tells by what lies there.")
]


@reports_bad_input
def datasets(
    action: Annotated[Literal["list", "fetch"], typer.Argument(help="list, or fetch one of them.")] = "list",
    name: Annotated[str, typer.Argument(help=f"The set to fetch: {', '.join(DOWNLOADS)}.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the known data sets: source, licence, layout, published counts; with --data, what of them is there.

    `datasets fetch NAME --data DIR` downloads a small public one into DIR.
    """
    if action == "fetch":
        _fetch(name, data, as_json)
        return
    if data is not None and not is_folder(data):
        raise InputError(f"The data folder {data} does not exist or is a file. Name the folder that holds the sets.")
    found = {} if data is None else {name: inventory(known, data) for name, known in KNOWN.items()}
    document = [_entry(known, found.get(name)) for name, known in KNOWN.items()]
    lines = [line for name, known in KNOWN.items() for line in (*_lines(known), *_here(found.get(name)), "")]
    emit(document, lines[:-1], as_json)


def _fetch(name: str, data: Path | None, as_json: bool) -> None:
    if data is None:
        raise InputError("Where to? Name the folder that holds the sets with --data or LEUKOLENS_DATA.")
    folder = fetch(name, data, say)
    here = inventory(KNOWN[name], data)
    emit({"folder": str(folder), "here": here.to_dict()}, [f"Written: {folder}", *_here(here)], as_json)


def _entry(known: KnownSet, here: Inventory | None) -> dict[str, Any]:
    facts = {
        "name": known.name,
        "title": known.title,
        "licence": known.licence,
        "source": known.source,
        "download": list(known.download),
        "checksum": known.checksum,
        "layout": list(known.layout),
        "published": {split: dict(part) for split, part in known.counts.items()},
        "published_by": known.counts_from,
        "remarks": list(known.remarks),
    }
    return facts if here is None else {**facts, "here": here.to_dict()}


def _lines(known: KnownSet) -> list[str]:
    counts = [
        f"  published {'' if split == 'all' else split + ' '}{sum(part.values()):,}: "
        + ", ".join(f"{name} {count:,}" for name, count in part.items())
        for split, part in known.counts.items()
    ]
    return [
        f"{known.name}: {known.title}",
        f"  {known.source}",
        f"  licence: {known.licence}",
        *(f"  from {place}" for place in known.download),
        f"  checksum: {known.checksum or 'none published that we know of'}",
        *(f"  layout: {line}" for line in known.layout),
        *counts,
        f"  counts: {known.counts_from}",
        *(f"  note: {line}" for line in known.remarks),
    ]


def _here(here: Inventory | None) -> list[str]:
    if here is None:
        return []
    if here.problem:
        return [f"  here: {here.problem}"]
    counts = [f"{name} {count:,}" for name, count in here.images.items()]
    verdict = "as published" if here.complete else "not as published: " + ", ".join(here.differences)
    return [f"  here {sum(here.images.values()):,}: {', '.join(counts)}", f"  {verdict}"]


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
    from core.leaks.grouping import find_groups
    from core.leaks.groups_file import check_out, write_groups
    from core.leaks.report import Report, locate_images, terminal_text

    started = time.monotonic()
    if out is not None:
        check_out(out)
    places, notes = locate_images(dirs)
    for note in notes:
        say(note)
    groups, unread = find_groups([place.file for place in places], say)
    for index, reason in unread.items():
        say(f"skipped {terminal_text(str(places[index].file))}: {reason}")
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


@reports_bad_input
def samples(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if it is missing.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same cells.")] = 0,
    count: Annotated[int, typer.Option("--count", help="Cells a class.")] = 10,
    size: Annotated[int, typer.Option("--size", help="Side of the images in pixels.")] = 224,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a part of the cells, as granules=0; repeat for several.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list of cells as JSON.")] = False,
) -> None:
    """Draw simulated white blood cells of the five classes.

    OUT/cells/<class>/ gets the images, OUT/masks/<class>/ the exact masks of nucleus and cytoplasm (255 inside),
    OUT/labels.csv the list.
    """
    designs = designs_with(assignments(changes or (), "Write it as key=value, such as granules=0."))
    planned = plan_samples(out, seed, count)
    check_folder(out, planned)
    for sample in progress(planned, "cells drawn"):
        write_sample(sample, size, designs[sample.label])
    table = write_labels(out, planned)
    document = [_sample_entry(sample, size) for sample in planned]
    emit(document, [f"{len(planned)} simulated cells in {out / 'cells'}, listed in {table}"], as_json)


def _sample_entry(sample: Sample, size: int) -> dict[str, str | int]:
    return {
        "image": str(sample.image),
        "label": sample.label,
        "seed": sample.seed,
        "size": size,
        "nucleus": str(sample.nucleus),
        "cytoplasm": str(sample.cytoplasm),
    }
