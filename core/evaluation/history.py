"""The curves of a training: `history.csv` beside a model, of any age and not to be trusted."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pandas as pd

from core.errors import InputError
from core.evaluation.intervals import Frozen
from core.files import read_plain

LARGEST = 2_000_000  # bytes
MOST_EPOCHS = 10_000
COLUMNS = ("size", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_mean_recall", "seconds")


class History(Frozen):
    """A row an epoch, in order; a column that the file does not have is empty, a gap None."""

    epochs: tuple[int, ...]
    columns: dict[str, tuple[float | None, ...]]

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def seconds(self) -> float | None:
        """Seconds of all epochs together, where they were kept."""
        values = [value for value in self.columns["seconds"] if value is not None]
        return sum(values) if values else None

    @property
    def best_validation(self) -> float | None:
        """The highest accuracy on the validation images."""
        values = [value for value in self.columns["val_accuracy"] if value is not None and 0 <= value <= 1]
        return max(values) if values else None


def read_history(path: Path) -> History:
    """Read `history.csv`; InputError says what is wrong with it."""
    source = f"{path.parent.name}/{path.name}"
    try:
        data = read_plain(path, LARGEST)
    except FileNotFoundError as error:
        raise InputError(f"{source} is missing: no curves were kept with this model.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{source} holds no curves of ours: {getattr(error, 'strerror', None) or error}.") from error
    try:
        table = pd.read_csv(io.BytesIO(data), nrows=MOST_EPOCHS)
        epochs = [int(epoch) for epoch in table["epoch"]]
        columns = {name: _column(table, name) for name in COLUMNS}
    except (ValueError, KeyError, TypeError, OverflowError, pd.errors.ParserError) as error:
        raise InputError(f"{source} is damaged: its curves cannot be read.") from error
    return History(epochs=tuple(epochs), columns=columns)


def _column(table: pd.DataFrame, name: str) -> tuple[float | None, ...]:
    if name not in table:
        return ()
    values = pd.to_numeric(table[name]).astype(float)
    return tuple(float(value) if math.isfinite(value) else None for value in values)
