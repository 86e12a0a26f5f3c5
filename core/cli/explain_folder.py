"""`explain` for a whole folder: an evidence folder with a page for each image, one after the other, and an index; given
again, it does what is missing."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import core
from core.cli.common import OFTEN, SELDOM, Stop, say, stoppable, writable, write_files
from core.cli.explain_bundle import PAGE, ExplainOrder, carried_out, source_entry, told_image, write_page
from core.cli.explain_work import plans
from core.decoding import DecodedImage, find_images
from core.errors import InputError
from core.explanation.evidence import MANIFEST, finite, safe_names, versions
from core.explanation.static_page import index_page
from core.files import read_bounded
from core.models.devices import device_title

INDEX = "index.html"
LARGEST_MANIFEST = 20_000_000  # bytes


@dataclass
class FolderResult:
    """What became of a folder: images explained now and those that were there, each with its answers; and faults.

    `differing` tells whether a map of any of them, of an earlier run too, is not its reference library's.
    """

    out: Path
    computed: int = 0
    kept: int = 0
    stopped: bool = False
    differing: bool = False
    faults: list[dict[str, str]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "index": str(self.out / INDEX),
            "computed": self.computed,
            "kept": self.kept,
            "stopped": self.stopped,
            "faults": self.faults,
        }

    def lines(self) -> list[str]:
        """In words."""
        told = f"{self.computed} images explained, {self.kept} were there already, {len(self.faults)} faults."
        return [told, str(self.out / INDEX)]


def explain_folder(order: ExplainOrder, folder: Path, out: Path) -> FolderResult:
    """Explain every image below `folder` into a folder of its own in `out`, and write `out/index.html` at the end.

    What is there whole, of the same image and the same order, is left as it is. An image that cannot be read or
    explained is told and the rest is done; at most one image is held in memory. InputError where nothing can be
    written.
    """
    paths = [path for path in find_images([folder]) if not path.resolve().is_relative_to(out.resolve())]
    if not paths:
        raise InputError(f"All images in {folder} lie in {out}, which the maps are written to. Choose another --out.")
    names = safe_names(path.relative_to(folder).as_posix() for path in paths)
    result, rows = FolderResult(out), []
    with writable(out), stoppable() as stop:
        meter = _Meter(len(paths))
        for path, (shown, name) in zip(paths, names.items(), strict=True):
            if stop.asked:
                break
            rows.append(_one(order, path, out / name, shown, result, stop))
            meter.tell(shown, result)
        result.stopped = stop.asked
        write_page(out / INDEX, index_page(rows, str(folder.name), order.parameters, result.stopped).encode())
    return result


def _one(order: ExplainOrder, path: Path, place: Path, shown: str, result: FolderResult, stop: Stop) -> dict[str, Any]:
    """Explain one image, or find that it is there; return its row of the index."""
    try:
        decoded = told_image(path)
        manifest = finished_evidence(order, decoded, place)
        if manifest is None:
            planned = plans(order.classifiers, decoded.rgb, None, order.asked, order.regions)
            found = carried_out(order, decoded, planned, stop)
    except InputError as error:
        say(f"error: {shown}: {error}")
        result.faults.append({"image": shown, "what": "image", "message": str(error)})
        return {"image": shown, "fault": str(error)}
    if manifest is not None:
        result.kept += 1
        result.differing |= _differs(manifest)
        return {"image": shown, "folder": place.name, "models": manifest["models"], "faults": 0}
    files = dict(found.files)
    last = files.pop(MANIFEST)
    write_files(place, {**files, PAGE: found.page(order.drawing), MANIFEST: last})
    result.computed += 1
    result.faults += [{"image": shown, **fault} for fault in found.faults]
    result.differing |= any(checked.differing for checked in found.verifications)
    return {"image": shown, "folder": place.name, "models": found.manifest["models"], "faults": len(found.faults)}


def finished_evidence(order: ExplainOrder, decoded: DecodedImage, place: Path) -> dict[str, Any] | None:
    """The manifest of an earlier run in `place`, if it is of this image and this order and all its files are whole.

    Of this order: the same LeukoLens, libraries, models (weights, temperature, device) and parameters.
    """
    manifest = _read(place / MANIFEST)
    if manifest is None or not manifest.get("complete"):
        return None
    wanted = {
        "project": f"leukolens {core.__version__}",
        "image": source_entry(decoded),
        "parameters": order.parameters,
        "versions": versions(),
    }
    models = [
        {
            "model": each.name,
            "weights_sha256": each.weights_sha256,
            "temperature": each.card.temperature,
            "framing_of_training": each.card.framing,
            "device": device_title(each.device),
        }
        for each in order.classifiers
    ]
    told = manifest.get("models")
    if not isinstance(told, list) or len(told) != len(models):
        return None
    pairs: list[tuple[Any, dict[str, Any]]] = [(manifest, wanted), *zip(told, models, strict=True)]
    if any(not isinstance(have, dict) or not _holds(have, want) for have, want in pairs):
        return None
    return manifest if _whole(place, manifest) else None


def _differs(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest tells of a map that is not its reference library's."""
    told = manifest.get("verification")
    return isinstance(told, list) and any(isinstance(one, dict) and one.get("agrees") is False for one in told)


def _holds(have: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    """Whether a document has these values, as JSON writes them."""
    return all(have.get(name) == json.loads(json.dumps(finite(value))) for name, value in want.items())


def _whole(place: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether all files that a manifest lists are there and are what they were, and the page is there."""
    listed = manifest.get("files")
    if not isinstance(listed, dict) or not listed or not (place / PAGE).is_file():
        return False
    for name, digest in listed.items():
        path = place / str(name)
        if not path.resolve().is_relative_to(place.resolve()) or not path.is_file():
            return False
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    data = read_bounded(path, LARGEST_MANIFEST)
    try:
        document = None if data is None else json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


class _Meter:
    """Tells now and then how many images are done, and how long the rest will take at the pace of those explained."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._started = self._told = time.monotonic()

    def tell(self, shown: str, result: FolderResult) -> None:
        """Count one more."""
        self._done += 1
        now = time.monotonic()
        if now - self._told < (OFTEN if sys.stderr.isatty() else SELDOM) and self._done < self._total:
            return
        self._told = now
        left = self._total - self._done
        pace = (now - self._started) / max(1, result.computed)
        rest = f", at most {pace * left:.0f} s left" if left and result.computed else ""
        say(f"{self._done} of {self._total} images: {shown}{rest}")
