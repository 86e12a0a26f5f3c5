"""Labelled folders and lists as data sets: classes, splits, and what is counted out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.classes import CLASSES
from core.data.datasets import Dataset, data_fingerprint, describe, found_sets, read_data
from core.data.labels import split_name
from core.decoding import find_images
from core.errors import InputError
from core.models.card import ModelCard
from tests.support.datasets import noise, tree


def counted(data: Dataset) -> dict[tuple[str, str], int]:
    return {key: int(count) for key, count in data.table.groupby(["split", "label"]).size().items()}


def test_class_folders_become_labels_in_our_order(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path, {"neutrophil": 2, "basophil": 1, "monocyte/slide 1": 3}))
    assert counted(data) == {("all", "neutrophil"): 2, ("all", "basophil"): 1, ("all", "monocyte"): 3}
    assert data.classes == ("basophil", "monocyte", "neutrophil") and data.notes == ()
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in data.table["path"])
    assert set(data.table["box"]) == {""}


def test_any_classes_serve(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path, {"Blast": 1, "ALL": 2, "neutrophil": 1}))
    assert data.classes == ("ALL", "Blast", "neutrophil")


def test_class_names_that_differ_in_case_are_one_class(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path, {"Monocyte": 1, "MONOCYTE": 2, "Blast": 1, "blast": 1}))
    assert counted(data) == {("all", "monocyte"): 3, ("all", "blast"): 2}
    assert any("MONOCYTE and Monocyte" in note and "monocyte" in note for note in data.notes)
    assert any("Blast and blast" in note for note in data.notes)


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("TRAIN", "TEST"), {"train", "test"}),
        (("train", "val", "test"), {"train", "val", "test"}),
        (("Training", "Validation", "Testing"), {"train", "val", "test"}),
    ],
)
def test_split_folders_are_a_given_split(tmp_path: Path, folders: tuple[str, ...], splits: set[str]) -> None:
    tree(tmp_path, {f"{folder}/{label}": 1 for folder in folders for label in ("A", "B")})
    tree(tmp_path, {"extra/A": 1})
    data = read_data(tmp_path)
    assert {split for split, _ in counted(data)} == splits and data.classes == ("A", "B")
    assert any("extra" in note for note in data.notes)


def test_a_class_called_test_is_no_split(tmp_path: Path) -> None:
    assert read_data(tree(tmp_path, {"test": 1, "control": 1})).classes == ("control", "test")


@pytest.mark.parametrize("folders", [("train", "test"), ("TRAIN", "Validation"), ("train/train", "test/test")])
def test_splits_without_class_folders_are_no_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    """Images straight in train and test, or an archive unpacked into a folder of its own name."""
    with pytest.raises(InputError, match=r"folders are called .*, as splits are"):
        read_data(tree(tmp_path, dict.fromkeys(folders, 2)))


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    tree(tmp_path, {"monocyte": 2, "basophil": 0, "neutrophil": 1})
    (tmp_path / "basophil" / "notes.txt").write_text("soon")
    with pytest.raises(InputError, match=r"basophil holds no images.*remove the folder"):
        read_data(tmp_path)


def test_a_class_empty_in_one_split_alone_is_a_note(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path, {"train/A": 2, "train/B": 2, "test/A": 1, "test/B": 0}))
    assert any("test/B" in note for note in data.notes)


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one class only, monocyte"):
        read_data(tree(tmp_path, {"monocyte": 3}))
    with pytest.raises(InputError, match="one class only, monocyte"):
        read_data(tree(tmp_path, {"Monocyte": 1}))


def test_no_class_folders_at_all(tmp_path: Path) -> None:
    noise(tmp_path / "loose.png")
    with pytest.raises(InputError, match="no class folders"):
        read_data(tmp_path)


def test_what_is_no_image_is_left_out_and_counted(tmp_path: Path) -> None:
    tree(tmp_path, {"A": 2, "B": 2, ".cache": 1, "A/.hidden": 1})
    noise(tmp_path / "A" / ".secret.png")
    (tmp_path / "A" / "notes.txt").write_text("x")
    (tmp_path / "A" / "half.jpg.part").write_bytes(b"\xff\xd8")
    (tmp_path / "B" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "round").symlink_to(tmp_path / "round")
    data = read_data(tmp_path)
    assert counted(data) == {("all", "A"): 2, ("all", "B"): 2}
    assert any("3 hidden, 3 links to folders, 2 no images" in note for note in data.notes), data.notes


def test_a_linked_class_folder_elsewhere_is_read(tmp_path: Path) -> None:
    tree(tmp_path / "store", {"A": 2})
    tree(tmp_path / "data", {"B": 1})
    (tmp_path / "data" / "A").symlink_to(tmp_path / "store" / "A")
    assert counted(read_data(tmp_path / "data")) == {("all", "A"): 2, ("all", "B"): 1}


@pytest.mark.parametrize("name", ["a.b", "-", "x" * 42, "naïve/…"[:5] + "!"])
def test_class_names_that_no_card_holds_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        read_data(tree(tmp_path, {name: 1, "A": 1}))


def test_accepted_class_names_fit_the_card(tmp_path: Path) -> None:
    names = ("Rötlich 2", "a+b", "x" * 41, "_", "T-cell")
    data = read_data(tree(tmp_path, dict.fromkeys(names, 1)))
    assert set(data.classes) == set(names)
    for name in data.classes:
        ModelCard.__pydantic_validator__.validate_assignment(ModelCard.model_construct(), "classes", (name, "other"))


@pytest.mark.parametrize("place", ["nowhere", "x" * 5000, "a\0b"])
def test_places_that_are_none(tmp_path: Path, place: str) -> None:
    with pytest.raises(InputError, match=r"does not exist|no path"):
        read_data(tmp_path / place)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = noise(tmp_path / "cell.png")
    with pytest.raises(InputError, match=r"is a file.*csv"):
        read_data(file)
    with pytest.raises(InputError, match="is a folder"):
        read_data(tmp_path, "csv")
    with pytest.raises(InputError, match="Known: auto, pbc"):
        read_data(tmp_path, "imagenet")


def test_an_absent_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="It has: all"):
        read_data(tree(tmp_path, {"A": 1, "B": 1})).split("test")


def test_description_and_fingerprint_move_with_the_folder(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path / "one", {"train/A": 2, "train/B": 1, "test/A": 1, "test/B": 1}))
    shutil.copytree(tmp_path / "one", tmp_path / "two" / "one")
    other = read_data(tmp_path / "two" / "one")
    assert data_fingerprint(data) == data_fingerprint(other) and len(data_fingerprint(data)) == 64
    told = json.loads(json.dumps(describe(data)))
    assert told == describe(other)
    assert told["counts"] == {"train": {"A": 2, "B": 1}, "test": {"A": 1, "B": 1}} and told["images"] == 5
    (tmp_path / "two" / "one" / "test" / "A" / "0.png").rename(tmp_path / "two" / "one" / "test" / "B" / "9.png")
    noise(tmp_path / "two" / "one" / "test" / "A" / "0.png")
    assert data_fingerprint(read_data(tmp_path / "two" / "one")) != data_fingerprint(data)


def test_a_folder_with_labels_in_capitals(tmp_path: Path) -> None:
    tree(tmp_path, {"Basophil": 1, "MONOCYTE": 1})
    assert read_data(tmp_path, "folder").classes == ("basophil", "monocyte")
    assert found_sets(tmp_path) == {}


@pytest.mark.parametrize("name", [*CLASSES, "all", "holdout"])
def test_split_names(name: str) -> None:
    assert split_name(name) == ("all" if name == "all" else None)


JUNK = ("__MACOSX", "System Volume Information", "$RECYCLE.BIN", "lost+found", "@eaDir", ".Trashes")


def test_what_systems_leave_behind_is_neither_class_nor_cell(tmp_path: Path) -> None:
    tree(tmp_path, {"A": 2, "B": 2, **dict.fromkeys(JUNK, 1), "A/@eaDir": 3, "B/__MACOSX": 1})
    noise(tmp_path / "A" / "._0.png")
    (tmp_path / "A" / "Thumbs.db").write_bytes(b"x")
    data = read_data(tmp_path)
    assert counted(data) == {("all", "A"): 2, ("all", "B"): 2}
    assert any("left behind by a system" in note for note in data.notes)
    assert {path.parent.name for path in find_images([tmp_path])} == {"A", "B"}
    assert len(find_images([tmp_path])) == 4


@pytest.mark.parametrize("place", ["archive", "archive/set-1.0"])
def test_an_archive_unpacked_too_deep_is_read(tmp_path: Path, place: str) -> None:
    tree(tmp_path / place, {"train/A": 2, "train/B": 2, "test/A": 1, "test/B": 1})
    (tmp_path / "__MACOSX").mkdir()
    data = read_data(tmp_path)
    assert counted(data) == {("train", "A"): 2, ("train", "B"): 2, ("test", "A"): 1, ("test", "B"): 1}
    assert any(f"found in {place}" in note for note in data.notes)


def test_one_class_with_a_folder_a_patient_is_no_archive(tmp_path: Path) -> None:
    tree(tmp_path, {"neutrophil/patient 1": 2, "neutrophil/patient 2": 2})
    with pytest.raises(InputError, match="one class only, neutrophil"):
        read_data(tmp_path)


def test_classes_outside_and_splits_inside_are_read(tmp_path: Path) -> None:
    tree(tmp_path, {"A/train": 3, "A/test": 1, "B/train": 2, "B/Validation": 1})
    assert counted(read_data(tmp_path)) == {
        ("train", "A"): 3,
        ("test", "A"): 1,
        ("train", "B"): 2,
        ("val", "B"): 1,
    }


def test_masks_beside_their_images_are_no_cells(tmp_path: Path) -> None:
    tree(tmp_path, {"A": 2, "B": 2})
    for folder in ("A", "B"):
        for number in range(2):
            mask = np.zeros((24, 24), np.uint8)
            mask[5:15, 5:15], mask[8:12, 8:12] = 128, 255
            Image.fromarray(mask).save(tmp_path / folder / f"{number}.bmp")
    data = read_data(tmp_path)
    assert counted(data) == {("all", "A"): 2, ("all", "B"): 2}
    assert {Path(path).suffix for path in data.table["path"]} == {".png"}
    assert any("4 masks beside their image" in note for note in data.notes)
    assert {path.suffix for path in find_images([tmp_path])} == {".png"}
    noise(tmp_path / "A" / "0.jpg", 7)  # another picture of that name is no mask
    assert len(find_images([tmp_path / "A"])) == 3


def test_letters_with_marks_name_classes_and_two_codings_are_one(tmp_path: Path) -> None:
    names = ("ne\u0301utrophile", "न्यूट्रोफिल", "เม็ดเลือดขาว")
    tree(tmp_path, {f"train/{name}": 2 for name in names} | {"test/n\u00e9utrophile": 1})
    data = read_data(tmp_path)
    assert set(data.classes) == {"n\u00e9utrophile", *names[1:]}
    assert not any("differ in case" in note for note in data.notes)
