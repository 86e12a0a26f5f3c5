"""From an answer back to its image: found below a data folder, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.decoding import SUFFIXES

DEPTH = 3  # levels of folders below the data folder that are looked through
MOST_FOLDERS = 400
ENDINGS = {ending for endings in SUFFIXES.values() for ending in endings}


def image_folders(root: Path) -> dict[str, tuple[Path, ...]]:
    """Folders below `root` by their name, three levels deep, 400 at most; hidden ones and links are left out."""
    found: dict[str, tuple[Path, ...]] = {}
    for number, folder in enumerate(_walk(root, DEPTH)):
        if number >= MOST_FOLDERS:
            break
        found[folder.name] = (*found.get(folder.name, ()), folder)
    return found


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if not depth:
        return
    try:
        below = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.is_symlink())
    except OSError:
        return
    for path in below:
        if path.is_dir():
            yield from _walk(path, depth - 1)


def places_of(image: str, folders: dict[str, tuple[Path, ...]]) -> tuple[Path, ...]:
    """The files that `image`, "<folder>/<file>", may mean; none where it is written otherwise or there is none."""
    parts = image.split("/")
    if len(parts) != 2 or "\0" in image or any(part in ("", ".", "..") or "\\" in part for part in parts):
        return ()
    if Path(parts[1]).suffix.lower() not in ENDINGS:
        return ()
    files = (folder / parts[1] for folder in folders.get(parts[0], ()))
    return tuple(file for file in files if _is_file(file))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink()
    except (OSError, ValueError):
        return False
