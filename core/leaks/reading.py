"""Fingerprints of many files at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.decoding import read_image
from core.errors import InputError
from core.leaks.fingerprint import Fingerprint, fingerprint

TOLD_EVERY = 5.0  # seconds
WAVE = 256  # files in hand at once
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Prints:
    """`prints` of the files that could be read, at these places of the list; reasons for the places that could not."""

    prints: list[Fingerprint]
    places: list[int]
    skipped: dict[int, str]


def read_prints(paths: Sequence[Path], tell: Tell) -> Prints:
    """Read and describe every file, on as many threads as there are processors."""
    found = Prints([], [], {})
    told, rest = time.monotonic(), enumerate(paths)
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        while wave := list(islice(rest, WAVE)):
            for (place, _), result in zip(wave, pool.map(_print_or_reason, (path for _, path in wave)), strict=True):
                if isinstance(result, str):
                    found.skipped[place] = result
                else:
                    found.prints.append(result)
                    found.places.append(place)
            if time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                tell(f"read {wave[-1][0] + 1}/{len(paths)} images")
    return found


def _print_or_reason(path: Path) -> Fingerprint | str:
    try:
        return fingerprint(read_image(path).rgb)
    except InputError as error:
        return str(error)
