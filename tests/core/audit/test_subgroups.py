"""Subgroups against the rest: a planted weak one is named, chance is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from core.audit.run import AuditOrder, run_audit
from core.audit.subgroups import compared_subgroups, subgroup_step
from core.audit.subject import AuditedSet
from core.errors import InputError
from core.simulation import draw_cell
from tests.support.audited import model_of
from tests.support.tiny_models import make_model


def test_a_weak_laboratory_is_named_and_chance_is_not(tmp_path: Path) -> None:
    labels = np.arange(300) % 5
    weak = np.arange(300) % 3 == 2
    wrong = weak & (np.arange(300) // 3 % 3 == 0)
    logits = 4.0 * np.eye(5)[np.where(wrong, (labels + 1) % 5, labels)]
    model = model_of(tmp_path, logits, labels)
    images = model.answers.images
    laboratory = {image: f"laboratory {number % 3}" for number, image in enumerate(images)}
    parity = {image: ("even", "odd")[number % 2] for number, image in enumerate(images)}
    data = AuditedSet("made up", subgroups={"laboratory": laboratory, "parity": parity})
    told = {finding.key: finding for finding in subgroup_step([model], data).findings}
    assert told["laboratory"].status == "failed" and "Worse than the rest: laboratory 2." in told["laboratory"].sentence
    assert told["laboratory"].figure == pytest.approx(1 - wrong[weak].mean())
    assert told["parity"].status == "passed"


def test_p_is_fishers_and_corrected() -> None:
    right = np.array([True] * 18 + [False] * 2 + [True] * 9 + [False] * 11)
    one, other = compared_subgroups(right, ["a"] * 20 + ["b"] * 20)
    tail = hypergeom(40, 27, 20)
    plain = sum(tail.pmf(k) for k in range(28) if tail.pmf(k) <= tail.pmf(18) * (1 + 1e-9))
    assert one.p == other.p == pytest.approx(min(1.0, 2 * plain))
    assert other.worse and not one.worse


def test_few_images_no_values_and_too_many_are_told(tmp_path: Path) -> None:
    labels = np.arange(100) % 5
    model = model_of(tmp_path, 4.0 * np.eye(5)[labels], labels)
    for said, words in (
        ({image: str(number) for number, image in enumerate(model.answers.images)}, "more than 40 are no groups"),
        (dict.fromkeys(model.answers.images, "one"), "nothing can be compared"),
        ({}, "nothing can be compared"),
    ):
        (finding,) = subgroup_step([model], AuditedSet("made up", subgroups={"column": said})).findings
        assert finding.status == "not run" and words in finding.sentence
    (finding,) = subgroup_step([model], AuditedSet("made up")).findings
    assert finding.status == "not run" and "--subgroups" in finding.sentence


def test_columns_of_the_table_are_read(tmp_path: Path) -> None:
    from PIL import Image

    make_model(tmp_path / "models", "tiny")
    rows = []
    for number in range(24):
        label = ("basophil", "monocyte")[number % 2]
        (tmp_path / "cells" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_cell(label, number, size=90).image).save(tmp_path / "cells" / label / f"{number}.png")
        rows.append((f"{label}/{number}.png", number // 6, ("Ward A", "Ward B")[number // 12]))
    pd.DataFrame(rows, columns=["path", "slide", "ward"]).to_csv(tmp_path / "slides.csv", index=False)
    order = AuditOrder((tmp_path / "models" / "tiny",), tmp_path / "out", tmp_path / "cells",
                       groups=tmp_path / "slides.csv", group_column="slide", subgroups=("ward",),
                       steps=("subgroups",))  # fmt: skip
    (result,) = run_audit(order, lambda line: None).results
    assert [row[:2] for row in result.tables[0].rows] == [("Ward A", "12"), ("Ward B", "12")]
    with pytest.raises(InputError, match="--groups"):
        run_audit(replace(order, groups=None), lambda line: None)
    with pytest.raises(InputError, match=r"slides\.csv"):
        run_audit(replace(order, subgroups=("nobody",)), lambda line: None)
