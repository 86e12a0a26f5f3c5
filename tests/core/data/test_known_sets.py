"""Known sets, read from small trees of their layout; hostile annotations are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.data import datasets
from core.data.datasets import KINDS, found_sets, read_data
from core.data.known_sets import KNOWN, READERS
from core.data.readers import read_boxes
from core.errors import InputError
from tests.support.datasets import annotation, noise, tree

RAABIN = {f"{part}/{label}": 2 for part in ("Train", "TestA") for label in ("Basophil", "Eosinophil", "Monocyte")}
KAGGLE = {f"{part}/{label}": 2 for part in ("TRAIN", "TEST", "TEST_SIMPLE") for label in ("MONOCYTE", "NEUTROPHIL")}


def run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(datasets)
    result = CliRunner(env={"LEUKOLENS_DATA": ""}).invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def bccd(folder: Path) -> Path:
    """Six photographs: one good, two labels, no label, two boxes, no annotation, and a second good one."""
    rows = ["NEUTROPHIL", '"NEUTROPHIL, MONOCYTE"', "", "MONOCYTE", "MONOCYTE", " EOSINOPHIL "]
    for number in range(len(rows)):
        noise(folder / "images" / f"BloodImage_{number:05d}.jpg", number, (60, 80))
        boxes = [("WBC", (10, 12, 40, 42)), ("RBC", (0, 0, 9, 9))] + [("WBC", (50, 5, 70, 30))] * (number == 3)
        if number != 4:
            annotation(folder / "annotations" / f"BloodImage_{number:05d}.xml", boxes)
    lines = [",Image,Category", *(f",{number},{label}" for number, label in enumerate(rows)), ",77,MONOCYTE"]
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_published_counts_add_up_to_the_papers() -> None:
    raabin = {name: KNOWN["raabin"].published(name) for name in CLASSES}
    assert list(raabin.values()) == [301, 1066, 3609, 795, 10862]  # Katar & Kilincer 2022
    kaggle = [KNOWN["kaggle"].published(name) for name in CLASSES]
    assert kaggle == [0, 3120, 3103, 3098, 3123] and sum(kaggle) == 12_444  # Islam et al. 2024
    others = (2895, 1551, 2348)  # immature granulocytes, erythroblasts, platelets
    assert sum(KNOWN["pbc"].counts["all"].values()) + sum(others) == 17_092  # Acevedo et al. 2020


def test_every_known_set_has_a_reader() -> None:
    assert set(READERS) == set(KNOWN) and set(KNOWN) < set(KINDS)
    assert all(known.layout and known.download and known.licence for known in KNOWN.values())


@pytest.mark.parametrize("parts", [("Train", "TestA", "TestB"), ("train", "Test-A", "Test-B")])
@pytest.mark.parametrize("name", ["raabin", "auto"])
def test_raabin_is_read_from_a_tree_of_its_layout(tmp_path: Path, parts: tuple[str, ...], name: str) -> None:
    train, test_a, test_b = parts
    folders = {f"{part}/{label.capitalize()}": 3 for part in (train, test_a) for label in CLASSES}
    folders |= {f"{test_b}/Lymphocyte": 1, f"{test_b}/Neutrophil": 4}
    tree(tmp_path / "raabin", folders)
    for place in (tmp_path, tmp_path / "raabin"):
        data = read_data(place, name)
        counts = data.table.groupby(["split", "label"]).size()
        assert data.name == "raabin" and data.classes == CLASSES
        assert [int(counts["train", label]) for label in CLASSES] == [3] * 5
        assert [int(counts["test", label]) for label in CLASSES] == [3] * 5
        assert counts["report"].to_dict() == {"lymphocyte": 1, "neutrophil": 4}
        assert any("6 of 301 basophils" in note and "10 of 10,862 neutrophils" in note for note in data.notes)


def test_kaggle_leaves_its_simple_test_out(tmp_path: Path) -> None:
    data = read_data(tree(tmp_path / "any name", KAGGLE))
    assert data.name == "kaggle" and data.classes == ("monocyte", "neutrophil")
    assert data.table["split"].value_counts().to_dict() == {"train": 4, "test": 4}
    assert not data.table["path"].str.contains("TEST_SIMPLE").any()


def test_bccd_keeps_photographs_with_one_label_and_one_box(tmp_path: Path) -> None:
    data = read_data(bccd(tmp_path / "bccd"), "bccd")
    assert list(zip(data.table["label"], data.table["box"], strict=True)) == [
        ("neutrophil", "10,12,40,42"),
        ("eosinophil", "10,12,40,42"),
    ]
    left_out = next(note for note in data.notes if "left out" in note)
    assert left_out.startswith("5 of 7 photographs") and "1 have no annotation" in left_out
    assert "1 have one label and another number of boxes" in left_out and "1 have several labels" in left_out
    assert "1 have no label" in left_out and "1 have a label alone" in left_out


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><annotation><object><name>&b;</name></object></annotation>'
)
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><annotation/>'
BOX = "<annotation><object><name>WBC</name><bndbox>{}</bndbox></object></annotation>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<annotation>", "no readable annotation"),
        ("", "no readable annotation"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "no readable annotation"),
        (BOX.format("<xmin>1</xmin>"), "no pixels"),
        (BOX.format("<xmin>nan</xmin><ymin>1</ymin><xmax>5</xmax><ymax>4</ymax>"), "no pixels"),
        (BOX.format("<xmin>9</xmin><ymin>1</ymin><xmax>5</xmax><ymax>4</ymax>"), "no area"),
        ("<annotation>" + " " * 2**20 + "</annotation>", "larger than 1 MB"),
    ],
)
def test_hostile_annotations_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_boxes(file, "WBC")


def test_a_hostile_annotation_costs_its_photograph_alone(tmp_path: Path) -> None:
    folder = bccd(tmp_path / "bccd")
    noise(folder / "images" / "BloodImage_00077.jpg", 7)
    (folder / "annotations" / "BloodImage_00077.xml").write_text(BOMB)
    data = read_data(folder)
    assert data.name == "bccd" and any("1 have an annotation that cannot be read" in note for note in data.notes)


def test_an_interrupted_download_names_what_is_missing(tmp_path: Path) -> None:
    tree(tmp_path / "pbc", {"monocyte": 2, "basophil": 1})
    rows = [f"{number}.png,Monocyte,train" for number in range(6)] + ["0.png,Basophil,test"]
    (tmp_path / "pbc" / "attributes.csv").write_text("\n".join(["img_name,label,split", *rows]))
    with pytest.raises(InputError, match=r"PBC: 4 of 7 images are missing: .*2\.png.*and 1 more.*interrupted"):
        read_data(tmp_path, "pbc")


@pytest.mark.parametrize("place", [".", "../lisc", "monocyte/..", ".."])
def test_halves_are_kept_from_wherever_a_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Images of the half that is read once must never turn up among those that choices look at."""
    folder = tree(tmp_path / "lisc", {"monocyte": 2, "neutrophil": 2})
    rows = ["path,label,half"]
    for label in ("monocyte", "neutrophil"):
        rows += [f"lisc/{label}/0.png,{label},development", f"lisc/{label}/1.png,{label},report"]
    (tmp_path / "unseen_stains.csv").write_text("\n".join(rows))
    monkeypatch.chdir(folder)
    for name in ("lisc", "auto"):
        data = read_data(Path(place), name)
        assert data.name == "lisc" and {Path(path).name for path in data.split("development")["path"]} == {"0.png"}
        assert {Path(path).name for path in data.split("report")["path"]} == {"1.png"}


def test_splits_of_known_tables_are_understood_or_refused(tmp_path: Path) -> None:
    """A table put together by hand, as PBC's is, may say Train, and an unknown word must not hide images."""
    tree(tmp_path / "pbc", {"monocyte": 2, "neutrophil": 2})
    rows = ["img_name,label,split", "0.png,monocyte,Train", "0.png,neutrophil, training", "1.png,neutrophil,Validation"]
    table = tmp_path / "pbc" / "attributes.csv"
    table.write_text("\n".join(rows))
    assert list(read_data(tmp_path, "pbc").table["split"]) == ["train", "train", "val"]
    table.write_text("\n".join([*rows, "1.png,monocyte,"]))
    with pytest.raises(InputError, match="no split is called ''"):
        read_data(tmp_path, "pbc")
    (tmp_path / "pbc").rename(tmp_path / "lisc")
    (tmp_path / "unseen_stains.csv").write_text("path,label,half\nlisc/monocyte/0.png,monocyte,second")
    with pytest.raises(InputError, match="no split is called 'second'"):
        read_data(tmp_path, "lisc")


def test_foreign_labels_in_a_known_set_are_named(tmp_path: Path) -> None:
    tree(tmp_path / "pbc", {"blast": 1, "monocyte": 1})
    rows = ["img_name,label,split", "0.png,Blast,train", "0.png,Monocyte,train"]
    (tmp_path / "pbc" / "attributes.csv").write_text("\n".join(rows))
    with pytest.raises(InputError, match="none of ours: blast"):
        read_data(tmp_path, "pbc")


def test_missing_tables_and_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"attributes\.csv is missing"):
        read_data(tmp_path, "pbc")
    (tmp_path / "attributes.csv").write_text("img_name\nx.jpg\n")
    with pytest.raises(InputError, match="lacks the column 'label'"):
        read_data(tmp_path, "pbc")


def test_a_folder_of_several_sets_asks_which(tmp_path: Path) -> None:
    tree(tmp_path / "raabin", RAABIN)
    assert read_data(tmp_path).name == "raabin"
    tree(tmp_path / "kaggle_blood_cells", KAGGLE)
    with pytest.raises(InputError, match=r"several known sets: kaggle, raabin.*--dataset"):
        read_data(tmp_path)
    assert list(found_sets(tmp_path)) == ["kaggle", "raabin"]


def test_the_command_lists_every_set() -> None:
    code, out, _ = run()
    assert code == 0 and all(known.title in out and known.licence in out for known in KNOWN.values())
    code, out, _ = run("--json")
    document = json.loads(out)
    assert code == 0 and [entry["name"] for entry in document] == list(KNOWN) and "here" not in document[0]


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    tree(tmp_path / "kaggle_blood_cells", KAGGLE)
    code, out, _ = run("--data", str(tmp_path))
    assert code == 0 and "train eosinophil 0 of 2,497 (2,497 missing)" in out and "pbc is missing" in out
    code, out, _ = run("--data", str(tmp_path / "kaggle_blood_cells"), "--json")
    here = {entry["name"]: entry["here"] for entry in json.loads(out)}
    assert here["kaggle"]["images"] == {"monocyte": 4, "neutrophil": 4} and not here["kaggle"]["complete"]
    assert here["raabin"]["problem"] and not here["raabin"]["complete"]


def test_the_command_refuses_a_place_that_is_none(tmp_path: Path) -> None:
    code, out, err = run("--data", str(tmp_path / "nowhere"))
    assert code == 2 and out == "" and "does not exist" in err and "Traceback" not in err


@pytest.mark.parametrize("beside", ["annotations", "masks"])
def test_a_set_of_another_kind_in_a_known_layout_is_no_known_set(tmp_path: Path, beside: str) -> None:
    tree(tmp_path, {"images/A": 1, "images/B": 1, beside: 1})
    (tmp_path / "labels.csv").write_text("file,species\nx.png,cat\n")
    assert read_data(tmp_path).name == "folder"
    (tmp_path / "attributes.csv").write_text("size,shape\n1,2\n")
    assert read_data(tmp_path).name == "folder"


def test_raabin_is_read_from_a_table_of_its_cells(tmp_path: Path) -> None:
    tree(tmp_path / "raabin", {"basophil": 2, "monocyte": 2})
    rows = ["basophil/0.png,basophil,d1,train", "basophil/1.png,basophil,d2,test", "monocyte/0.png,monocyte,s1,val"]
    (tmp_path / "raabin" / "split.csv").write_text("\n".join(["path,label,smear,split", *rows]))
    for place, name in ((tmp_path, "raabin"), (tmp_path / "raabin", "auto")):
        data = read_data(place, name)
        assert data.name == "raabin" and data.classes == ("basophil", "monocyte")
        assert list(data.table["split"]) == ["train", "test", "val"]
    (tmp_path / "raabin" / "split.csv").write_text("path,label,smear,split\nbasophil/9.png,basophil,d1,train\n")
    with pytest.raises(InputError, match="1 of 1 images are missing"):
        read_data(tmp_path, "raabin")
