"""Decks hold pixels alone, and the report says what was voted, with names or without."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.classes import CLASSES
from core.errors import InputError
from core.teaching.ballots import Ballots
from core.teaching.deck import deck_labels, gallery_deck, made_harder, picture_deck, simulated_deck
from core.teaching.report import ClassReport, class_report, class_report_json, report_html, report_tables, votes_csv
from core.teaching.steps import AGAIN, VOTE, ClassSettings
from core.teaching.store import ClassStore, ModelAnswer

NAMES = ("<script>alert(1)</script>", "=1+1")


def played(path: Path, names: bool) -> ClassReport:
    """Two students, two cells, one model that is wrong on the first."""
    store = ClassStore(path)
    deck = simulated_deck(2, ("monocyte", "basophil"), seed=3)
    session = store.open_session("Class <1>", deck, ClassSettings(("net",)), "me")
    ballots = Ballots(store)
    people = [ballots.join(session.code, name[:24]) for name in NAMES]
    store.keep_answers(session.code, 0, [ModelAnswer("net", "Net", "neutrophil", {"neutrophil": 1.0})])
    while not session.ended:
        session = store.go_on(session.code, session.key, session.tick)
        if session.step in (VOTE, AGAIN) and not session.ended and session.position == 0:
            label = deck[0].label if session.step == VOTE else "neutrophil"
            for one in people:
                ballots.vote(session.code, one.token, 0, session.step, str(label))
    return class_report(store, session, names, moment=0.0)


def test_the_report_counts_and_escapes(tmp_path: Path) -> None:
    report = played(tmp_path / "c.db", names=True)
    page = report_html(report)
    assert "<script>" not in page and "&lt;script&gt;" in page and "Class &lt;1&gt;" in page
    assert page.count("data:image/png;base64,") == 2 and not re.search(r'(src|href)="(?!data:)', page)
    tables = {title: rows for title, _, rows in report_tables(report)}
    assert tables["Right votes, by class"][0] == ("all", "100 % (34–100)", "2", "0 % (0–66)", "2")
    assert tables["Reliance on the models"] == [("Net", "0 % (0–79)", "100 % (34–100) of 2", "–")]
    rows = list(csv.DictReader(io.StringIO(votes_csv(report))))
    assert len(rows) == 4 and [row["right"] for row in rows] == ["1", "1", "0", "0"]
    assert rows[1]["nickname"] == "'=1+1" and rows[2]["round"] == "after"
    told = json.loads(class_report_json(report))
    assert told["figures"]["cells"][0]["worse"] == 2 and told["people"][1]["nickname"] == "=1+1"


def test_names_can_be_left_out(tmp_path: Path) -> None:
    report = played(tmp_path / "c.db", names=False)
    for text in (report_html(report), class_report_json(report), votes_csv(report)):
        assert "script" not in text and "=1+1" not in text and "Student 2" in text
        assert report.session.key not in text and report.session.presenter not in text


def test_simulated_decks_hold_each_class_and_cannot_be_counted_out() -> None:
    """With five classes once, and five cells more drawn for themselves, the last cell is not what is left over."""
    decks = [deck_labels(10, CLASSES, seed) for seed in range(60)]
    assert all(set(deck) == set(CLASSES) and len(deck) == 10 for deck in decks)
    left_over = [name for deck in decks for name in CLASSES if deck.count(name) != 2]
    assert len(left_over) > 60  # an even deck has none
    assert sum(len(set(deck[:9])) == 5 for deck in decks) > 40  # and then any class may come


def test_simulated_decks_are_seeded() -> None:
    deck = simulated_deck(7, seed=5)
    assert [cell.png for cell in simulated_deck(7, seed=5)] == [cell.png for cell in deck]
    assert [cell.png for cell in simulated_deck(2)] != [cell.png for cell in simulated_deck(2)]
    assert [cell.label for cell in gallery_deck(1)] != sorted(str(cell.label) for cell in gallery_deck(1))


def test_harder_cells_have_less_detail() -> None:
    cell = simulated_deck(1, seed=1)[0].rgb
    detail = [float(np.abs(np.diff(made_harder(cell, name).astype(int), axis=0)).mean()) for name in
              ("easy", "medium", "hard")]  # fmt: skip
    assert detail[0] > detail[1] > detail[2]


def test_a_pictures_name_and_metadata_stay_behind() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "basophil")
    buffer = io.BytesIO()
    Image.new("RGB", (1200, 300), (200, 180, 210)).save(buffer, "PNG", pnginfo=notes)
    (cell,) = picture_deck([("basophil/basophil_1.png", buffer.getvalue(), None)])
    assert b"basophil" in buffer.getvalue() and b"basophil" not in cell.png
    assert cell.rgb.shape == (225, 900, 3) and cell.label is None


def test_the_order_of_a_folder_does_not_tell_the_next_class() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (200, 180, 210)).save(buffer, "PNG")
    listed = [(f"{number}.png", buffer.getvalue(), CLASSES[number // 12]) for number in range(60)]
    labels = [cell.label for cell in picture_deck(listed)]
    assert sorted(map(str, labels)) == sorted(label for _, _, label in listed)
    assert sum(one == other for one, other in pairwise(labels)) < 40  # of 55 in the folder's order


@pytest.mark.parametrize("pictures", [[], [("a.png", b"no picture", None)], [("a.png", b"", None)] * 61])
def test_decks_that_are_none(pictures: list[tuple[str, bytes, str | None]]) -> None:
    with pytest.raises(InputError):
        picture_deck(pictures)


def test_simulated_decks_that_are_none() -> None:
    for count, classes, difficulty in ((0, CLASSES, "easy"), (61, CLASSES, "easy"), (5, (), "easy"), (5, CLASSES, "x")):
        with pytest.raises(InputError):
            simulated_deck(count, classes, difficulty)
