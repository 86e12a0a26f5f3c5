"""The form of the Train page: the plan that it tells, what it keeps, and what it refuses."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from core.training.recipe import StageRecipe, read_recipe
from tests.support.reading import Start, alerts, assert_sound, entered, go, press, shown


def test_the_plan_is_told_before_anything_starts(start: Start, runs: Path, cells: Path) -> None:
    app = start("train")
    assert_sound(app)
    assert "Name the folder of your images" in alerts(app)
    app = app.text_input(key="training-place").set_value(str(cells)).run()
    assert_sound(app)
    told = shown(app)
    assert "Trains MobileNet-V3-Small from scratch to tell 2 classes apart, on 12 images" in told
    assert "6 images validate" in told
    assert "8 epochs at 128 px" in told
    assert "factor of three" in told
    assert not runs.exists()


def test_settings_change_the_plan_and_survive_a_switch_of_pages(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-recipe").set_value("islam-2024").run()
    app.number_input(key="training-islam-2024-0-epochs").set_value(3).run()
    app.toggle(key="training-islam-2024-grouped").set_value(True).run()
    assert_sound(app)
    assert "3 epochs at 120 px" in shown(app)
    assert "photograph together" in shown(app)
    app = go(go(app, "compare"), "train")
    assert_sound(app)
    assert app.text_input(key="training-place").value == str(cells)
    assert "3 epochs at 120 px" in shown(app)


def test_a_size_that_the_network_does_not_take_is_refused(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-recipe").set_value("islam-2024").run()
    app.number_input(key="training-islam-2024-0-size").set_value(64).run()
    assert_sound(app)
    assert "Custom CNN does not take images of 64 px" in alerts(app)
    assert "Start training" not in [button.label for button in app.button]


@pytest.mark.parametrize(
    ("place", "told"),
    [("relative/cells", "root of the server"), ("/no/such/folder", "does not exist"), ("/dev/null", "is a file")],
)
def test_places_that_hold_no_images_are_told(start: Start, runs: Path, place: str, told: str) -> None:
    app = entered(start, Path(place))
    assert_sound(app)
    assert told in alerts(app)
    assert "Start training" not in [button.label for button in app.button]


def test_a_recipe_of_ones_own_is_checked(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-recipe").set_value("own").run()
    assert "Upload a recipe" in alerts(app)
    bad = (
        b'name = "x"\narchitecture = "islam_cnn"\nspeed = 3\n[[stages]]\nsize = 120\nepochs = 1\nlearning_rate = 1e-3\n'
    )
    app.file_uploader(key="training-own-file").set_value(("mine.toml", bad, "text/plain")).run()
    assert_sound(app)
    assert "speed" in alerts(app)
    good = bad.replace(b"speed = 3\n", b"")
    app.file_uploader(key="training-own-file").set_value(("mine.toml", good, "text/plain")).run()
    assert_sound(app)
    assert "1 epoch at 120 px" in shown(app)


OWN = b'name = "%s"\narchitecture = "%s"\n[[stages]]\nsize = %d\nepochs = %d\nlearning_rate = 1e-3\n'


def test_another_recipe_of_ones_own_brings_its_own_settings(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-recipe").set_value("own").run()
    uploader = app.file_uploader(key="training-own-file")
    uploader.set_value(("one.toml", OWN % (b"one", b"islam_cnn", 120, 7), "text/plain")).run()
    assert "7 epochs at 120 px" in shown(app)
    uploader = app.file_uploader(key="training-own-file")
    uploader.set_value(("two.toml", OWN % (b"two", b"mobilenet_v3_small", 96, 3), "text/plain")).run()
    assert_sound(app)
    assert "Trains MobileNet-V3-Small" in shown(app)
    assert "3 epochs at 96 px" in shown(app)
    app = go(go(app, "compare"), "train")
    assert "Goes by “two.toml”" in shown(app)
    assert "3 epochs at 96 px" in shown(app)


def test_a_recipe_that_was_taken_away_is_gone(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-recipe").set_value("own").run()
    uploader = app.file_uploader(key="training-own-file")
    uploader.set_value(("one.toml", OWN % (b"one", b"islam_cnn", 120, 7), "text/plain")).run()
    app.file_uploader(key="training-own-file").set_value(None).run()
    assert_sound(app)
    assert "Upload a recipe" in alerts(app)
    assert "7 epochs" not in shown(app)
    assert "Start training" not in [button.label for button in app.button]


def test_several_known_sets_in_one_folder_are_a_choice(start: Start, runs: Path, tmp_path: Path) -> None:
    for name in ("pbc", "lisc"):
        (tmp_path / "sets" / name).mkdir(parents=True)
    app = entered(start, tmp_path / "sets")
    assert_sound(app)
    assert not app.error
    assert "Choose one under “Read as”" in alerts(app)
    assert "PBC (Acevedo et al. 2020)" in alerts(app)
    assert "--" not in alerts(app)


def plain_folder(root: Path, count: int = 10) -> Path:
    for name in ("neutrophil", "monocyte"):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(root / name / f"{number}.png")
    return root


def test_a_plain_folder_of_classes_is_split_at_random_with_a_note(start: Start, runs: Path, tmp_path: Path) -> None:
    app = entered(start, plain_folder(tmp_path / "plain"))
    assert_sound(app)
    assert "the split is drawn at random" in shown(app)
    assert "Split drawn at random, by class" in shown(app)
    assert "Start training" in [button.label for button in app.button]


def test_what_is_wrong_with_the_settings_stands_where_the_plan_would(start: Start, runs: Path, tmp_path: Path) -> None:
    app = entered(start, plain_folder(tmp_path / "plain"))
    app.selectbox(key="training-leukolens-split-plain").set_value("given").run()
    assert_sound(app)
    assert "without a training side" in " ".join(item.value for item in app.columns[-1].error)
    assert alerts(app).count("without a training side") == 1


def test_another_architecture_keeps_the_other_choices_and_the_text_tells_its_stages(
    start: Start, runs: Path, cells: Path
) -> None:
    app = entered(start, cells)
    app.number_input(key="training-leukolens-seed").set_value(77).run()
    app.number_input(key="training-leukolens-0-epochs").set_value(3).run()
    size = app.number_input(key="training-leukolens-0-size").value
    app.selectbox(key="training-architecture-leukolens").set_value("vgg19").run()
    assert_sound(app)
    assert app.number_input(key="training-leukolens-seed").value == 77
    assert app.number_input(key="training-leukolens-0-epochs").value == 3
    own = source_stages("vgg19")
    assert app.number_input(key="training-leukolens-0-size").value == own[0].size
    assert size == source_stages("mobilenet_v3_small")[0].size
    assert f"For VGG-19: {own[0].epochs} epochs at {own[0].size} px" in shown(app)


def source_stages(architecture: str) -> tuple[StageRecipe, ...]:
    return read_recipe("leukolens", architecture).stages


def test_a_zip_of_class_folders_is_trained_on_as_a_folder_is(start: Start, runs: Path, tmp_path: Path) -> None:
    plain = plain_folder(tmp_path / "plain")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(plain.rglob("*.png")):
            archive.write(path, path.relative_to(plain))
    app = start("train")
    app.file_uploader(key="training-zip-file").set_value(("cells.zip", buffer.getvalue(), "application/zip")).run()
    assert_sound(app)
    assert "Split drawn at random, by class" in shown(app)
    app = go(go(app, "compare"), "train")
    assert "those of the zip file" in shown(app) and "Split drawn at random" in shown(app)
    press(app, "Use the path instead")
    assert "Name the folder of your images" in alerts(app)
    app.file_uploader(key="training-zip-file").set_value(("cells.zip", b"no zip", "application/zip")).run()
    assert_sound(app)
    assert "The zip file cannot be read" in alerts(app)


def test_weights_from_a_place_need_its_name(start: Start, runs: Path, cells: Path) -> None:
    app = entered(start, cells)
    app.selectbox(key="training-leukolens-weights").set_value("place").run()
    assert_sound(app)
    assert "Name the file or folder of the first weights" in alerts(app)
    assert "Start training" not in [button.label for button in app.button]
    assert app.number_input(key="training-leukolens-seed")


def test_names_that_are_taken_or_none_are_refused(
    start: Start, runs: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs / "mine").mkdir(parents=True)
    app = entered(start, cells)
    for name, told in (("mine", "“mine-2” is free"), ("../mine", "letters, digits"), ("", "letters, digits")):
        app.text_input(key="training-name-leukolens-mobilenet_v3_small").set_value(name).run()
        app = press(app, "Start training")
        assert_sound(app)
        assert told in alerts(app)
    assert [path.name for path in runs.iterdir()] == ["mine"]
