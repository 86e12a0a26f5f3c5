"""A folder of images that comes as one zip file: unpacked into a folder of its own, with every limit checked before a
byte is written."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from core.decoding.formats import expected_format
from core.errors import InputError
from core.files import remove_partials

MOST_FILES = 20_000
MOST_BYTES = 2 * 2**30  # of all that is unpacked
MOST_OF_ONE = 64 * 2**20  # of one file in it
MOST_TIMES = 200  # by which a file may be larger than it is packed: pictures hardly shrink
DEEPEST = 12  # folders within one another
BLOCK = 2**20
TABLES = (".csv",)
DIGITS = 16


def unpack(data: bytes, root: Path) -> Path:
    """Unpack the zip file `data` into a folder under `root`, named after its hash; returns that folder.

    Images and tables alone are taken. The same file unpacked before is used as it is. InputError for what is no zip
    file, is encrypted, damaged or too large, or names places outside.
    """
    target = root / hashlib.sha256(data).hexdigest()[:DIGITS]
    if target.is_dir():
        return target
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _checked(archive)
            return _written(archive, members, target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise InputError("The zip file cannot be read: it is damaged, encrypted or of an unusual kind.") from error
    except OSError as error:
        raise InputError(f"The zip file cannot be unpacked on this server: {error.strerror or error}.") from error


def _checked(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The members to take, each with its place; InputError where a limit is passed."""
    members, total = [], 0
    if len(archive.infolist()) > 2 * MOST_FILES:
        raise InputError(f"The zip file holds more than {MOST_FILES:,} files.")
    for info in archive.infolist():
        place = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or not _is_wanted(info, place):
            continue
        if place.is_absolute() or ".." in place.parts or len(place.parts) > DEEPEST or ":" in place.parts[0]:
            raise InputError("The zip file names places outside of itself, or folders too deep: it is not unpacked.")
        packed = max(1, info.compress_size)
        if info.file_size > MOST_OF_ONE or info.file_size > MOST_TIMES * packed + BLOCK:
            raise InputError("The zip file holds a file that is far too large once unpacked.")
        total += info.file_size
        members.append((info, place))
    if len(members) > MOST_FILES or total > MOST_BYTES:
        raise InputError(f"The zip file holds more than {MOST_FILES:,} images or {MOST_BYTES // 2**30} GB.")
    if not members:
        raise InputError("The zip file holds no images. Pack the folder that holds a folder for each class.")
    return members


def _is_wanted(info: zipfile.ZipInfo, place: PurePosixPath) -> bool:
    """Whether a member is an image or a table, and a plain file (links and devices have other modes)."""
    kind = (info.external_attr >> 16) & 0o170000
    wanted = expected_format(place.suffix) is not None or place.suffix.lower() in TABLES
    return kind in (0, 0o100000) and bool(place.name) and wanted


def _written(archive: zipfile.ZipFile, members: list[tuple[zipfile.ZipInfo, PurePosixPath]], target: Path) -> Path:
    """Write the members beside the target and move the whole into place; a failure leaves nothing behind."""
    beside = target.with_name(f"{target.name}.{os.getpid()}.partial")
    remove_partials(target.parent)
    try:
        for info, place in members:
            path = beside.joinpath(*place.parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy(archive, info, path)
        if not target.is_dir():
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Write one member, at most as many bytes as it declares."""
    left = info.file_size
    with archive.open(info) as packed, path.open("wb") as out:
        while block := packed.read(min(BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                raise InputError("The zip file holds a file that is larger than it says.")
            out.write(block)
