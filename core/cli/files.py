"""Writing what a command made: to a folder or a zip, tried before the work and not after."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import InputError
from core.explanation.evidence import MANIFEST, zipped


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file below `folder`, in order; InputError when the disk will not have it.

    A manifest of an earlier run goes first, so that one that is there speaks of whole files.
    """
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for name, data in files.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{name} would lie outside {folder}: its model's card names no file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise _refused(folder, error) from error


def write_bundle(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to the folder `out`, or as one zip where `out` ends in .zip; InputError as `write_files`."""
    if not is_zip(out):
        write_files(out, files)
        return
    partial = out.with_name(out.name + ".partial")
    try:
        partial.write_bytes(zipped(files))
        partial.replace(out)
    except OSError as error:
        raise _refused(out, error) from error


def is_zip(out: Path) -> bool:
    """Whether a bundle goes into one zip file rather than a folder."""
    return out.suffix.casefold() == ".zip"


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Make sure that `out`, a folder or a zip, can be written before the work starts; InputError where it cannot.

    Folders made for it go again where nothing was put into them.
    """
    folder = out.parent if is_zip(out) else out
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if is_zip(out) and out.is_dir():
            raise InputError(f"Cannot write to {out}: it is a folder. Choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(out, error) from error
    try:
        yield
    finally:
        for path in made:
            with suppress(OSError):  # it holds something
                path.rmdir()


def _refused(place: Path, error: OSError) -> InputError:
    return InputError(f"Cannot write to {place}: {error.strerror or error}. Choose another folder.")
