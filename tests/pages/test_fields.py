"""The Fields page: photographs counted in the background, cells corrected, the count following, files out and in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from core.classes import CLASSES
from core.decoding import decode
from core.errors import InputError
from core.fields import jobs
from core.fields.annotation_files import read_annotations
from core.fields.annotations import coco_json
from core.fields.cells import FieldCell, cell_window
from core.fields.truth import CountedPicture, belongs_to
from dashboard.field_work import MEMORY, FieldMemory
from dashboard.fields import page, picture, tally
from dashboard.ui.html import png_bytes
from tests.support.reading import Start, alerts, assert_sound, button, go, html, png, press, shown
from tests.support.tiny_models import make_model

Detect = Callable[..., list[FieldCell]]


def grid_of_cells(columns: int, rows: int = 2, side: int = 60) -> Detect:
    """A search that finds a grid of cells, whatever the photograph."""

    def detect(field: NDArray[np.uint8], **_: object) -> list[FieldCell]:
        places = [(side * column + 5, side * row + 5) for row in range(rows) for column in range(columns)]
        return [
            FieldCell(number, (x, y, x + side - 10, y + side - 10), 0.9, True)
            for number, (x, y) in enumerate(places, start=1)
        ]

    return detect


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("islam_cnn", "resnet50")):
        make_model(root, name, seed)
    return root


@pytest.fixture
def counted(start: Start, two_models: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page with a simulated photograph whose cells were found, 3 by 2, and named."""
    monkeypatch.setattr(jobs, "detect_cells", grid_of_cells(3))
    monkeypatch.setattr(page, "DRAWN_SIDES", (200, 260))
    monkeypatch.setattr(page, "DRAWN_CELLS", 4)
    monkeypatch.setattr(page, "MOST_DRAWINGS", 1)
    monkeypatch.setattr(page, "DRAWN_RADIUS", 10.0)
    app = start("fields", root=two_models, models="islam_cnn,resnet50")
    return finished(press(app, "Try it with a simulated photograph"))


def memory_of(app: AppTest) -> FieldMemory:
    return app.session_state[MEMORY]


def finished(app: AppTest) -> AppTest:
    job = memory_of(app).job
    assert job is None or job.wait(60)
    app = app.run()
    assert_sound(app)
    return app


def key_of(app: AppTest) -> str:
    return next(iter(memory_of(app).counted))


def row(app: AppTest, label: str) -> str:
    """The row of a class in the table of counts."""
    table = html(app).partition("Differential count of")[2]
    return next(line for line in table.split("<tr>") if f"> {label}</th>" in line)


def test_an_empty_page_says_what_to_bring(start: Start, two_models: Path) -> None:
    app = start("fields", root=two_models)
    assert_sound(app)
    assert "Bring photographs" in alerts(app) and "python -m core count" in alerts(app)


def test_cells_are_found_named_and_counted(counted: AppTest, two_models: Path) -> None:
    assert len(memory_of(counted).counted[key_of(counted)].answers) == 12
    assert "6 white cells" in shown(counted) and "Cell " in html(counted)
    assert all(f"> {name}</th>" in html(counted) for name in CLASSES)


def test_a_name_a_deletion_and_their_undoing_move_the_count(counted: AppTest) -> None:
    key = key_of(counted)
    memory_of(counted).chosen[key] = 1
    app = press(counted.run(), "eosinophil")
    assert memory_of(app).review(key).of(1).label == "eosinophil" and memory_of(app).chosen[key] != 1
    memory_of(app).chosen[key] = 2
    app = press(app.run(), "Delete")
    assert "5 white cells" in shown(app) and "2 corrections" in shown(app)
    memory_of(app).chosen[key] = 3
    app = press(app.run(), "Not a white cell")
    assert "4 white cells" in shown(app) and "not a white cell: 1" in html(app)
    for _ in range(3):
        app = press(app, "Undo")
    assert "6 white cells" in shown(app) and button(app, "Undo").disabled
    app = press(app, "Redo")
    assert memory_of(app).review(key).of(1).label == "eosinophil"
    assert_sound(app)


def test_corrections_outlive_a_visit_to_another_page(counted: AppTest) -> None:
    app = press(counted, "Delete")
    app = finished(go(go(app, "compare"), "fields"))
    assert "5 white cells" in shown(app)


def test_an_added_cell_is_named_too(counted: AppTest) -> None:
    memory, key = memory_of(counted), key_of(counted)
    memory.reviews[key] = memory.review(key).with_added((190, 130, 250, 190))
    app = finished(counted.run())
    assert "7 white cells" in shown(app)
    assert sum(box == (190, 130, 250, 190) for _, box in memory.counted[key].answers) == 2


def test_a_click_chooses_a_cell_and_when_adding_adds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clicks: list[Callable[[object], None]] = []
    monkeypatch.setattr(picture, "show", lambda *_, on_click, **__: clicks.append(on_click))
    monkeypatch.setattr(picture, "whole_address", lambda key: "data:image/jpeg;base64,")
    monkeypatch.setattr(picture, "file_name", lambda key: "smear.png")
    memory = FieldMemory()
    memory.counted["k"] = jobs.CountedPhotograph((200, 300), tuple(grid_of_cells(2)(np.zeros((1, 1, 3), np.uint8))))
    cells = tally.named_cells(memory, "k", [])
    picture.show_photograph(memory, "k", cells, False)
    clicks[-1](3)
    assert memory.chosen["k"] == 3
    picture.show_photograph(memory, "k", cells, True)
    clicks[-1]([200.0, 150.0])
    assert memory.review("k").of(5).cell.box == (175, 125, 225, 175) and memory.chosen["k"] == 5


def test_a_cell_opens_on_compare_as_it_was_asked_about(counted: AppTest) -> None:
    memory, key = memory_of(counted), key_of(counted)
    memory.chosen[key] = 2
    app = button(counted.run(), "Compare").click().run()
    assert_sound(app)
    opened = next(iter(memory.opened))
    assert app.query_params["image"] == [opened] or app.query_params["image"] == opened
    app = go(app, "fields")
    assert app.selectbox(key="training-fields-photograph").label == "Photographs (1)" and len(memory.counted) == 1


def test_the_window_that_is_opened_has_the_pixels_that_the_models_saw() -> None:
    field = np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    window = cell_window(field, FieldCell(1, (100, 100, 160, 170), 0.9, False))
    assert np.array_equal(decode(png_bytes(window), "x.png").rgb, window)


def test_what_was_drawn_is_the_truth_and_others_pictures_are_refused(counted: AppTest) -> None:
    app = press(counted, "Take what was drawn as the truth")
    assert_sound(app)
    assert "recall: annotated white cells" in html(app)
    memory, key = memory_of(app), key_of(app)
    drawn = memory.drawn[key]
    truth = read_annotations("t.json", coco_json([drawn]))[0]
    assert belongs_to(truth, [CountedPicture(drawn.name, "", drawn.width, drawn.height)])[1].boxes == drawn.boxes
    wrong = coco_json([drawn]).replace(drawn.name.encode(), b"elsewhere.png")
    app = next(one for one in app.file_uploader if "Annotations" in one.label)
    app = app.set_value([("w.json", wrong, "application/json")]).run()
    assert "of another picture: “elsewhere.png”" in alerts(app).replace("\\", "")


def test_a_photograph_without_white_cells_and_a_clump_get_clear_words(
    start: Start, two_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "detect_cells", lambda *_, **__: [])
    app = start("fields", root=two_models, models="none")
    app = app.file_uploader[0].set_value([("blank.png", png(side=300), "image/png")]).run()
    app = finished(press(app, "Find the cells"))
    assert "No white cell was found" in alerts(app) and "No model is switched on" in alerts(app)
    monkeypatch.setattr(jobs, "detect_cells", grid_of_cells(20, 10, 20))
    app = app.file_uploader[0].set_value([("clump.png", png((90, 60, 120), 420), "image/png")]).run()
    app = finished(press(app, "Find the cells of one photograph"))
    app = app.selectbox(key="training-fields-photograph").set_value(list(memory_of(app).counted)[1]).run()
    assert_sound(app)
    assert "200 of 200 cells touch others" in alerts(app)


def test_work_is_stopped_and_goes_on(start: Start, two_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(field: object, *, progress: Callable[[float], None], cancelled: Callable[[], bool]) -> list[FieldCell]:
        progress(0.5)
        while not cancelled():
            pass
        return []

    monkeypatch.setattr(jobs, "detect_cells", endless)
    app = start("fields", root=two_models, models="islam_cnn")
    app = app.file_uploader[0].set_value([("a.png", png(side=300), "image/png")]).run()
    app = finished(press(press(app, "Find the cells"), "Stop"))
    assert "Stopped. What was found so far stays." in shown(app)
    monkeypatch.setattr(jobs, "detect_cells", grid_of_cells(2))
    app = finished(press(app, "Go on"))
    assert "4 white cells" in shown(app)


def test_a_photograph_that_cannot_be_searched_says_why(
    start: Start, two_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> list[FieldCell]:
        raise InputError("The photograph has 100 megapixels; at most 40 are searched.")

    monkeypatch.setattr(jobs, "detect_cells", refuse)
    app = start("fields", root=two_models, models="none")
    app = app.file_uploader[0].set_value([("a.png", png(side=300), "image/png")]).run()
    app = finished(press(app, "Find the cells"))
    assert "a.png: The photograph has 100 megapixels" in alerts(app).replace("\\", "")
