"""Answers to labelled images: from a table just made, or from a `predictions.parquet` that is not to be trusted; and
the way from an answer back to its image, below a data folder and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import softmax

from core.decoding import SUFFIXES
from core.errors import InputError

PREDICTIONS = "predictions.parquet"
MOST_BYTES = 32 * 2**20
MOST_UNPACKED = 128 * 2**20
MOST_ROWS = 200_000
LONGEST_TEXT = 300
TEXTS = ("image", "label", "predicted")
DIGEST = "sha256"
DOUBT = 1e-3  # logits this close to the largest may be the answer: probabilities are rounded
DEPTH = 3  # levels of folders below the data folder that are looked through
MOST_FOLDERS = 400
ENDINGS = {ending for endings in SUFFIXES.values() for ending in endings}


@dataclass(frozen=True, eq=False)
class Answers:
    """A model's answers to `images` ("<folder>/<file>") of classes that it knows.

    `labels` and `predicted` are `(N,) int64` places in `classes`, `logits` `(N, K) float64`. `digests` are the first
    digits of the files' SHA-256, empty where they were not kept. `notes` say what was counted out.
    """

    classes: tuple[str, ...]
    images: tuple[str, ...]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    logits: NDArray[np.float64]
    digests: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Probabilities `(N, K)` as the model gives them: softmax(logits / temperature)."""
        return np.asarray(softmax(self.logits / temperature, axis=1))

    def kept(self, keep: NDArray[np.bool_], note: str = "") -> Answers:
        """Those answers where `keep` `(N,)` is set, with a note on it."""
        places = np.flatnonzero(keep).tolist()
        return Answers(
            self.classes,
            tuple(self.images[place] for place in places),
            self.labels[keep],
            self.predicted[keep],
            self.logits[keep],
            tuple(self.digests[place] for place in places) if self.digests else (),
            (*self.notes, note) if note else self.notes,
        )


def answers_of(table: pd.DataFrame, classes: Sequence[str], source: str = "the answers") -> Answers:
    """Check a table of answers against the model's classes; images of classes that it does not know are counted out.

    InputError where columns are missing, logits are not finite or belong to other classes, or contradict the answer.
    """
    names = tuple(classes)
    _check_columns(table, names, source)
    logits = _numbers(table, names, source)
    index = pd.Index(names)
    predicted = np.asarray(index.get_indexer(pd.Index(table["predicted"].astype(str))), dtype=np.int64)
    if (predicted < 0).any():
        raise InputError(f"{source} name classes that the model does not know: measure the model anew.")
    if (logits[np.arange(len(logits)), predicted] < logits.max(axis=1, initial=-np.inf) - DOUBT).any():
        raise InputError(f"{source} contradict their own logits: the file is damaged, measure the model anew.")
    labels = np.asarray(index.get_indexer(pd.Index(table["label"].astype(str))), dtype=np.int64)
    digests = tuple(table[DIGEST].astype(str)) if DIGEST in table else ()
    found = Answers(names, tuple(table["image"].astype(str)), labels, predicted, logits, digests)
    known = labels >= 0
    if known.all():
        return found
    return found.kept(known, foreign_note(table["label"][~known].astype(str)))


def foreign_note(labels: pd.Series) -> str:
    """A sentence on images of classes that a model does not know."""
    counts = labels.value_counts().sort_index()
    listed = ", ".join(f"{_short(str(name))} {count:,}" for name, count in counts.head(8).items())
    more = ", …" if len(counts) > 8 else ""
    return f"{len(labels):,} images of classes that the model does not know are counted out ({listed}{more})."


def read_answers(path: Path, classes: Sequence[str]) -> Answers:
    """Read a `predictions.parquet` of the model that knows `classes`, within bounds; InputError says what is wrong."""
    source = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        raise InputError(f"{source} is missing: no answers were kept with this model.")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{source} is over {MOST_BYTES >> 20} MB: no answers of ours are.")
    try:
        table = _bounded(path, classes, source)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{source} is damaged or no parquet file: copy the whole model folder again.") from error
    return answers_of(table, classes, source)


def _bounded(path: Path, classes: Sequence[str], source: str) -> pd.DataFrame:
    """Read the columns wanted, after a look at what the file says it holds. Texts stay unrepeated while they are read,
    so that a long one repeated often does not fill the memory.
    """
    facts = pq.read_metadata(path)
    unpacked = sum(facts.row_group(number).total_byte_size for number in range(facts.num_row_groups))
    if facts.num_rows > MOST_ROWS or unpacked > MOST_UNPACKED or facts.num_columns > 500:
        raise InputError(f"{source} is too large: at most {MOST_ROWS:,} answers are read.")
    columns = [facts.schema.column(number) for number in range(facts.num_columns)]
    texts = [column.name for column in columns if column.physical_type == "BYTE_ARRAY" and column.name == column.path]
    there = {column.name for column in columns}
    wanted = [name for name in (*TEXTS, DIGEST, *(f"logit_{name}" for name in classes)) if name in there]
    with pq.ParquetFile(path, read_dictionary=[name for name in texts if name in wanted]) as file:
        table = file.read(columns=wanted, use_threads=False)
    return pd.DataFrame({name: _column(table.column(name), name, source) for name in wanted})


def _column(column: pa.ChunkedArray, name: str, source: str) -> object:
    if name.startswith("logit_"):
        if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
            raise InputError(f"{source}: the column {_short(name)} holds no numbers.")
        return column.to_numpy()
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise InputError(f"{source}: the column {name} holds no texts.")
    for chunk in column.chunks:
        words = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
        if any(len(word) > LONGEST_TEXT for word in words.to_pylist() if word is not None):
            raise InputError(f"{source}: the column {name} holds texts longer than any name.")
    if column.null_count:
        raise InputError(f"{source}: the column {name} has gaps.")
    return column.to_pandas().astype(str)


def _check_columns(table: pd.DataFrame, classes: tuple[str, ...], source: str) -> None:
    absent = [name for name in TEXTS if name not in table]
    if absent:
        raise InputError(f"{source} lacks the column {absent[0]!r}: these are no answers of ours.")
    unknown = [name for name in classes if f"logit_{name}" not in table]
    if unknown:
        raise InputError(f"{source} holds no logits of {unknown[0]!r}: its answers are those of another model.")
    if table.empty:
        raise InputError(f"{source} holds no answers.")


def _numbers(table: pd.DataFrame, classes: tuple[str, ...], source: str) -> NDArray[np.float64]:
    logits = table[[f"logit_{name}" for name in classes]].to_numpy(dtype=np.float64)
    if not np.isfinite(logits).all() or np.abs(logits).max(initial=0.0) > 1e6:
        raise InputError(f"{source} holds logits that are not finite numbers: measure the model anew.")
    return logits


def _short(text: str) -> str:
    kept = "".join(letter for letter in text if letter.isprintable())
    return kept if len(kept) <= 40 else kept[:39] + "…"


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
