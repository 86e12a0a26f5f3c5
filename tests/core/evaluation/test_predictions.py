"""Kept answers: read back as they were, and refused in words where they are damaged or hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.evaluation.predictions import answers_of, read_answers
from tests.support.answers import made_up, table_of, write_answers


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    answers = made_up()
    write_answers(tmp_path, answers)
    found = read_answers(tmp_path / "predictions.parquet", CLASSES)
    assert found.images == answers.images and found.notes == () and found.digests == ()
    for name in ("labels", "predicted", "logits"):
        assert np.array_equal(getattr(found, name), getattr(answers, name))


def test_classes_that_the_model_does_not_know_are_counted_out_and_told() -> None:
    table = table_of(made_up(50)).assign(sha256="0123456789abcdef")
    table.loc[:6, "label"] = "blast"
    found = answers_of(table, CLASSES)
    assert len(found.labels) == len(found.images) == len(found.digests) == 43
    assert "7 images of classes that the model does not know are counted out (blast 7)" in found.notes[0]


def swap(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].astype(object)
        values.iloc[3] = value
        return table.assign(**{column: values})

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (swap("logit_monocyte", np.inf), "not finite"),
        (swap("logit_monocyte", np.nan), "not finite"),
        (swap("logit_monocyte", 1e300), "not finite"),
        (swap("predicted", "blast"), "does not know"),
        (swap("label", "x" * 5000), "longer than any name"),
        (swap("image", None), "gaps"),
        (lambda t: t.drop(columns="label"), "lacks the column 'label'"),
        (lambda t: t.drop(columns="logit_basophil"), "another model"),
        (lambda t: t.assign(logit_basophil="much"), "no numbers"),
        (lambda t: t.assign(image=1.5), "no texts"),
        (lambda t: t.assign(predicted=t["predicted"].iloc[::-1].to_numpy()), "contradict"),
        (lambda t: t.iloc[:0], "no answers"),
    ],
)
def test_damaged_answers_are_refused_in_words(
    tmp_path: Path, damage: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    damage(table_of(made_up(40))).to_parquet(tmp_path / "predictions.parquet", index=False)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path / "predictions.parquet", CLASSES)


def test_what_is_no_parquet_or_missing_or_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    with pytest.raises(InputError, match="missing"):
        read_answers(path, CLASSES)
    path.write_bytes(b"PAR1" + b"\0" * 200 + b"PAR1")
    with pytest.raises(InputError, match="damaged"):
        read_answers(path, CLASSES)
    write_answers(tmp_path, made_up())
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="damaged"):
        read_answers(path, CLASSES)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    rows = 250_000
    columns = {name: pa.array(np.zeros(rows)) for name in ("image", "label")}
    pq.write_table(pa.table(columns), path, compression="zstd")
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="too large"):
        read_answers(path, CLASSES)
    text = "x" * 3_000_000  # repeated 20,000 times it would fill 60 GB
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, dtype=np.int32)), pa.array([text]))
    table = pa.table(
        {"image": words, "label": words, "predicted": words}
        | {f"logit_{n}": pa.array(np.zeros(20_000)) for n in CLASSES}
    )
    pq.write_table(table, path, compression="zstd")
    with pytest.raises(InputError, match=r"too large|longer than any name"):
        read_answers(path, CLASSES)
