"""`datasets`: the sets we know, where they come from, and whether what is here is what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.models import AsJson
from core.cli.output import emit, reports_bad_input
from core.data.datasets import KINDS
from core.data.inventory import Inventory, inventory
from core.data.known import KNOWN, KnownSet
from core.data.reading import is_folder
from core.errors import InputError

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
def datasets(data: Data = None, as_json: AsJson = False) -> None:
    """List the known data sets: source, licence, layout, published counts; with --data, what of them is there."""
    if data is not None and not is_folder(data):
        raise InputError(f"The data folder {data} does not exist or is a file. Name the folder that holds the sets.")
    found = {} if data is None else {name: inventory(known, data) for name, known in KNOWN.items()}
    document = [_entry(known, found.get(name)) for name, known in KNOWN.items()]
    lines = [line for name, known in KNOWN.items() for line in (*_lines(known), *_here(found.get(name)), "")]
    emit(document, lines[:-1], as_json)


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
