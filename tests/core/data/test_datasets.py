from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.classes import CLASSES
from core.data.datasets import read_dataset
from core.data.pack import SIDE, UNKNOWN, pack_simulated, pack_table
from core.errors import InputError
from core.simulation import draw_cell


def quiet(_: str) -> None:
    pass


def write(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_cell("monocyte", seed, size=100).image).save(path)


def test_class_folders_of_any_case_are_read(tmp_path: Path) -> None:
    write(tmp_path / "Monocyte" / "a.png")
    write(tmp_path / "basophil" / "b.JPG")
    write(tmp_path / "something else" / "c.png")
    (tmp_path / "basophil" / "notes.txt").write_text("no image")
    table = read_dataset("folder", tmp_path).split("all")
    assert sorted(zip(table["label"], [Path(p).name for p in table["path"]], strict=True)) == [
        ("basophil", "b.JPG"),
        ("monocyte", "a.png"),
    ]


def test_missing_things_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_dataset("pbc", tmp_path / "nowhere")
    with pytest.raises(InputError, match="Known: pbc"):
        read_dataset("imagenet", tmp_path)
    with pytest.raises(InputError, match="named after the classes"):
        read_dataset("folder", tmp_path)
    with pytest.raises(InputError, match=r"attributes\.csv is missing"):
        read_dataset("pbc", tmp_path)
    (tmp_path / "pbc").mkdir()
    pd.DataFrame({"img_name": ["x.jpg"]}).to_csv(tmp_path / "pbc" / "attributes.csv")
    with pytest.raises(InputError, match="lacks the column 'label'"):
        read_dataset("pbc", tmp_path)
    rows = {"img_name": ["x.jpg"], "label": ["Monocyte"], "split": ["train"]}
    pd.DataFrame(rows).to_csv(tmp_path / "pbc" / "attributes.csv")
    with pytest.raises(InputError, match="1 of 1 images are missing"):
        read_dataset("pbc", tmp_path)


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    write(tmp_path / "pbc" / "blast" / "x.png")
    rows = {"img_name": ["x.png"], "label": ["Blast"], "split": ["train"]}
    pd.DataFrame(rows).to_csv(tmp_path / "pbc" / "attributes.csv")
    with pytest.raises(InputError, match="blast"):
        read_dataset("pbc", tmp_path)


def test_an_absent_split_is_named(tmp_path: Path) -> None:
    write(tmp_path / "monocyte" / "a.png")
    with pytest.raises(InputError, match="It has: all"):
        read_dataset("folder", tmp_path).split("test")


def test_a_pack_is_made_once_and_kept(tmp_path: Path) -> None:
    for number, label in enumerate(("monocyte", "basophil")):
        write(tmp_path / "data" / label / f"{number}.png", number)
    table = read_dataset("folder", tmp_path / "data").split("all")
    told: list[str] = []
    first = pack_table(table, "cell", tmp_path / "cache", told.append)
    again = pack_table(table, "cell", tmp_path / "cache", told.append)
    assert len(told) == 1 and torch.equal(first.images, again.images) and first.fingerprint == again.fingerprint
    assert first.images.shape == (2, 3, SIDE, SIDE) and first.labels.tolist() == [0, 3]
    assert first.reach.amin() == 0 and first.reach.amax() < UNKNOWN
    whole = pack_table(table, "frame", tmp_path / "cache", told.append)
    assert whole.fingerprint != first.fingerprint and (whole.reach == UNKNOWN).all()


def test_simulated_packs_hold_the_classes_in_turn(tmp_path: Path) -> None:
    pack = pack_simulated(10, 1_000_000, "cell", tmp_path, quiet)
    assert pack.labels.tolist() == [number % len(CLASSES) for number in range(10)]
    other = pack_simulated(10, 1_000_100, "cell", tmp_path, quiet)
    assert not torch.equal(pack.images, other.images) and pack.fingerprint != other.fingerprint
    joined = pack + other
    assert len(joined.labels) == 20 and joined.fingerprint not in (pack.fingerprint, other.fingerprint)


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    write(tmp_path / "data" / "monocyte" / "good.png")
    (tmp_path / "data" / "monocyte" / "bad.png").write_bytes(b"no image at all")
    table = read_dataset("folder", tmp_path / "data").split("all")
    with pytest.raises(InputError, match=r"bad\.png"):
        pack_table(table, "cell", tmp_path / "cache", quiet)
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_shapes_of_reach_follow_the_nucleus(tmp_path: Path) -> None:
    pack = pack_simulated(5, 1_000_000, "cell", tmp_path, quiet)
    centre = pack.reach[:, 0, SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    corner = pack.reach[:, 0, 0, 0]
    assert np.median(centre.numpy()) == 0 and (corner > 40).all()
