"""The images of a split that share a photograph with another split of their set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import InputError


def photographs_of(
    table: pd.DataFrame, groups: Path | None, cache: Path | None, tell: Callable[[str], None]
) -> NDArray[np.int64]:
    """A photograph's number for each row of `table` (column path): from a `groups.csv`, else found now (and cached)."""
    paths = [Path(path) for path in table["path"]]
    if groups is not None:
        from core.leaks.groups_file import read_groups

        return np.asarray(read_groups(groups, paths), dtype=np.int64)
    from core.leaks.photographs import photographs

    return np.asarray(photographs(paths, cache, tell), dtype=np.int64)


def shared_with(
    splits: Sequence[str], photographs: NDArray[np.int64], part: str, others: Sequence[str] = ()
) -> NDArray[np.bool_]:
    """For each row of split `part`, in order, whether its photograph stands in one of `others` too (default: in any
    other split). InputError where `others` names a split that there is not, or `part` is the only one.
    """
    names = np.asarray(splits, dtype=object)
    known = sorted(set(splits))
    unknown = [name for name in others if name not in known or name == part]
    if unknown:
        raise InputError(f"No other split {unknown[0]!r} to compare with. The set has: {', '.join(known)}.")
    if known == [part]:
        raise InputError(f"All images are in split {part!r}: there is no other split to share photographs with.")
    elsewhere = np.isin(names, list(others)) if others else names != part
    return np.isin(photographs[names == part], photographs[elsewhere])
