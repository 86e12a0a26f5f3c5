"""Framed images kept on disk: made once, read as a model sees them, made anew where anything changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.classes import CLASSES
from core.data.datasets import read_data
from core.data.framed_images import SIDE, UNKNOWN, frame_simulated, frame_table
from core.data.image_cache import only_one
from core.data.loading import MARGIN, read_boxed
from core.data.readers import as_table
from core.errors import InputError
from core.preprocessing.framing import frame_image
from tests.support.datasets import cell, noise


def quiet(_: str) -> None:
    pass


def listed(paths: list[Path], labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"path": [str(path) for path in paths], "label": labels})


def cells(folder: Path, count: int) -> pd.DataFrame:
    labels = [CLASSES[number % 2] for number in range(count)]
    return listed([cell(folder / f"{number}.png", number, labels[number]) for number in range(count)], labels)


def test_a_pack_is_made_once_and_kept(tmp_path: Path) -> None:
    cell(tmp_path / "data" / "monocyte" / "0.png", 0, "monocyte")
    cell(tmp_path / "data" / "basophil" / "1.png", 1, "basophil")
    table = read_data(tmp_path / "data").split("all")
    told: list[str] = []
    first = frame_table(table, "cell", tmp_path / "cache", told.append)
    again = frame_table(table, "cell", tmp_path / "cache", told.append)
    assert len(told) == 1 and torch.equal(first.images, again.images) and first.fingerprint == again.fingerprint
    assert first.images.shape == (2, 3, SIDE, SIDE) and first.labels.tolist() == [0, 3]
    assert first.kept.tolist() == [0, 1] and first.skipped == () and first.whole == ()
    assert first.reach.amin() == 0 and first.reach.amax() < UNKNOWN
    whole = frame_table(table, "frame", tmp_path / "cache", told.append)
    assert whole.fingerprint != first.fingerprint and (whole.reach == UNKNOWN).all()


def test_labels_are_places_in_the_classes_of_the_set(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{number}.png", number) for number in range(3)]
    pack = frame_table(listed(paths, ["b", "c", "a"]), "frame", tmp_path / "cache", quiet, ("c", "b", "a"), side=40)
    assert pack.labels.tolist() == [1, 0, 2] and pack.images.shape == (3, 3, 40, 40)
    again = frame_table(listed(paths, ["b", "c", "a"]), "frame", tmp_path / "cache", quiet, ("a", "b", "c"), side=40)
    assert again.labels.tolist() == [1, 2, 0]


@pytest.mark.parametrize("framing", ["cell", "frame", "islam"])
def test_a_packed_image_is_what_a_model_is_shown(tmp_path: Path, framing: str) -> None:
    table = cells(tmp_path, 2)
    pack = frame_table(table, framing, tmp_path / "cache", quiet)
    for number, path in enumerate(table["path"]):
        view = frame_image(np.asarray(Image.open(path)), framing).rgb
        side = pack.images.shape[-1]
        shrinks = min(view.shape[:2]) > side
        wanted = cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        assert (pack.images[number].permute(1, 2, 0).numpy() == wanted).all()
    assert pack.images.shape[-1] == (120 if framing == "islam" else SIDE)


def test_images_without_a_cell_stand_whole_and_are_counted(tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.fromarray(np.full((60, 80, 3), 235, dtype=np.uint8)).save(blank)
    found = cell(tmp_path / "cell.png", 3, "neutrophil", size=240)
    told: list[str] = []
    pack = frame_table(listed([blank, found], ["basophil", "neutrophil"]), "islam", tmp_path / "cache", told.append)
    alone = frame_image(np.asarray(Image.open(found)), "islam").found
    assert pack.whole == ((0,) if alone else (0, 1)) and any("No cell was found" in line for line in told)
    assert (pack.images[0] == 235).all()


def test_unreadable_images_are_skipped_listed_and_counted(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{number:03d}.png", number) for number in range(60)]
    paths[7].write_bytes(paths[7].read_bytes()[:300])  # an interrupted download
    paths[20].write_bytes(b"no image at all")
    paths[41].write_bytes(b"")
    paths[42].unlink()
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(paths[43])
    labels = [CLASSES[number % 2] for number in range(60)]
    told: list[str] = []
    for _ in range(2):
        pack = frame_table(listed(paths, labels), "frame", tmp_path / "cache", told.append, side=24)
        bad = [7, 20, 41, 42, 43]
        assert pack.kept.tolist() == [number for number in range(60) if number not in bad]
        assert [Path(line.split(": ")[0]).name for line in pack.skipped] == [f"{number:03d}.png" for number in bad]
        assert pack.labels.tolist() == [number % 2 for number in pack.kept.tolist()]
        for row, number in enumerate(pack.kept.tolist()):
            assert (pack.images[row].permute(1, 2, 0).numpy() == np.asarray(Image.open(paths[number]))).all()
    assert sum("5 of 60 images cannot be read" in line for line in told) == 2
    assert sum("Decoding" in line for line in told) == 1


def test_skipped_files_are_listed_in_utf_8(tmp_path: Path) -> None:
    """Linux allows any bytes in names; the run's log takes UTF-8 alone."""
    paths = [noise(tmp_path / f"{number:03d}.png", number) for number in range(30)]
    paths += [tmp_path / "damaged\udcff.png", tmp_path / "gone\udcfe.png"]
    paths[-2].write_bytes(b"no image at all")
    told: list[str] = []
    table = as_table((str(path), CLASSES[number % 2], "all", "") for number, path in enumerate(paths))
    for part in (None, table):
        pack = frame_table(table, "frame", tmp_path / "cache", told.append, side=24, within=part)
        assert [Path(line.split(": ")[0]).name for line in pack.skipped] == ["damaged?.png", "gone?.png"]
    "".join((*told, *pack.skipped)).encode("utf-8")


def test_too_many_unreadable_images_are_an_error(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{number}.png", number) for number in range(20)]
    for path in paths[:3]:
        path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"More than 10% of 20 images cannot be read.*interrupted"):
        frame_table(listed(paths, ["a", "b"] * 10), "frame", tmp_path / "cache", quiet, ("a", "b"), 24)
    assert not list((tmp_path / "cache").glob("*.npy")) and not list((tmp_path / "cache").glob("*.partial"))


def test_a_class_that_is_lost_is_an_error(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{number}.png", number) for number in range(40)]
    paths[0].write_bytes(b"x")
    with pytest.raises(InputError, match=r"No image of rare can be read. First: .*0\.png"):
        frame_table(listed(paths, ["rare"] + ["b"] * 39), "frame", tmp_path / "cache", quiet, ("b", "rare"), 24)


def test_a_part_is_taken_out_of_the_whole(tmp_path: Path) -> None:
    """Splits and folds share one pack: the part's rows are those that it would have alone."""
    paths = [noise(tmp_path / f"{n}.png", n) for n in range(30)]
    Image.fromarray(np.full((60, 80, 3), 235, dtype=np.uint8)).save(paths[4])
    paths[9].write_bytes(b"x")
    table = listed(paths, ["a", "b"] * 15)
    told: list[str] = []
    for start in range(3):
        part = table.iloc[start::3]
        shared = frame_table(part, "islam", tmp_path / "shared", told.append, ("a", "b"), 32, within=table)
        alone = frame_table(part, "islam", tmp_path / f"own {start}", quiet, ("a", "b"), 32)
        for name in ("images", "reach", "labels", "kept"):
            assert torch.equal(getattr(shared, name), getattr(alone, name)), name
        assert shared.skipped == alone.skipped and shared.whole == alone.whole
    assert sum("Decoding" in line for line in told) == 1 and len(list((tmp_path / "shared").glob("*.npy"))) == 1


def test_a_label_of_no_class_is_refused(tmp_path: Path) -> None:
    table = listed([noise(tmp_path / f"{n}.png", n) for n in range(2)], ["a", "b"])
    with pytest.raises(InputError, match="Images of b cannot be packed"):
        frame_table(table, "frame", tmp_path / "cache", quiet, ("a", "c"))


@pytest.mark.parametrize("damage", ["cut", "emptied", "scribbled", "notes lost", "notes scribbled", "notes of others"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    table = listed([noise(tmp_path / f"{n}.png", n) for n in range(4)], ["a", "b"] * 2)
    cache = tmp_path / "cache"
    first = frame_table(table, "frame", cache, quiet, ("a", "b"), 24)
    wanted = first.images.clone()
    kept, notes = next(cache.glob("*.npy")), next(cache.glob("*.json"))
    if damage == "notes lost":
        notes.unlink()
    elif damage.startswith("notes"):
        notes.write_text({"notes scribbled": "[1", "notes of others": '{"rows": 4, "kept": [0]}'}[damage])
    else:
        content = kept.read_bytes()
        kept.unlink()
        kept.write_bytes({"cut": content[:-500], "emptied": b"", "scribbled": b"\x80\x04pickle" + content}[damage])
    told: list[str] = []
    again = frame_table(table, "frame", cache, told.append, ("a", "b"), 24)
    assert len(told) == 1 and torch.equal(again.images, wanted)


def test_a_box_is_cut_out_with_its_surroundings(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.png", 1, (100, 200))
    rgb = np.asarray(Image.open(path))
    margin = round(MARGIN * 40)
    assert (read_boxed(path, "90,30,130,60") == rgb[30 - margin : 60 + margin, 90 - margin : 130 + margin]).all()
    assert (read_boxed(path, "0,80,40,110") == rgb[80 - margin :, : 40 + margin]).all()
    assert (read_boxed(path) == rgb).all()
    with pytest.raises(InputError, match="outside its 200x100 px"):
        read_boxed(path, "200,0,220,20")


def test_two_boxes_of_one_picture_are_two_images(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.png", 1, (100, 200))
    table = listed([path, path], ["a", "b"]).assign(box=["10,10,40,40", "120,20,150,50"])
    pack = frame_table(table, "frame", tmp_path / "cache", quiet, ("a", "b"), 60)
    assert (pack.images[0].permute(1, 2, 0).numpy() == np.asarray(Image.open(path))[0:55, 0:55][:1, :1]).any()
    assert not torch.equal(pack.images[0], pack.images[1])
    moved = frame_table(
        table.assign(box=["10,10,40,41", "120,20,150,50"]), "frame", tmp_path / "cache", quiet, ("a", "b")
    )
    assert moved.fingerprint != pack.fingerprint


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from core.data.image_cache import store_rows
from core.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    store_rows(Path(sys.argv[1]) / "a.npy", 6, (4, 96, 96), (np.ones((2, 4, 96, 96), np.uint8) for _ in range(3)))
except InputError as error:
    print("told:", error)
"""


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left, unlike = tmp_path / "rows.17.partial", tmp_path / "other.17.partial"
    for path in (left, unlike):
        path.write_bytes(b"half")
    with only_one(tmp_path / "rows.npy"):
        assert not left.exists() and unlike.exists()


def test_a_disk_that_fills_up_while_writing_is_told(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", FULL, str(tmp_path / "cache")]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert result.returncode == 0 and result.stderr == "", result.stderr
    assert f"told: The disk of {tmp_path / 'cache'} is full: the framed copies need 1 MB there" in result.stdout
    assert list((tmp_path / "cache").iterdir()) == []


def test_too_little_room_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = listed([noise(tmp_path / f"{n}.png", n) for n in range(4)], ["a", "b"] * 2)
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("core.data.image_cache.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"is full: the framed copies need 5 MB there \(1 MB are free\).*--cache"):
        frame_table(table, "frame", tmp_path / "cache", quiet, ("a", "b"), 512)


def test_a_cache_that_is_a_file_is_told(tmp_path: Path) -> None:
    table = listed([noise(tmp_path / f"{n}.png", n) for n in range(2)], ["a", "b"])
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match=r"Cannot write to .*cache"):
        frame_table(table, "frame", tmp_path / "cache", quiet, ("a", "b"))


def test_simulated_packs_hold_the_classes_in_turn(tmp_path: Path) -> None:
    pack = frame_simulated(10, 1_000_000, "cell", tmp_path, quiet)
    assert pack.labels.tolist() == [number % len(CLASSES) for number in range(10)]
    other = frame_simulated(10, 1_000_100, "cell", tmp_path, quiet)
    assert not torch.equal(pack.images, other.images) and pack.fingerprint != other.fingerprint
    joined = pack + other
    assert len(joined.labels) == 20 and joined.fingerprint not in (pack.fingerprint, other.fingerprint)
    assert joined.kept.tolist() == [*range(10), *[-1] * 10]
    few = frame_simulated(4, 1_000_000, "frame", tmp_path, quiet, ("neutrophil", "basophil"), 48)
    assert few.labels.tolist() == [0, 1, 0, 1] and few.images.shape[-1] == 48
    with pytest.raises(InputError, match="none is a blast"):
        frame_simulated(4, 1_000_000, "frame", tmp_path, quiet, ("neutrophil", "blast"))


def test_a_smaller_copy_averages_areas(tmp_path: Path) -> None:
    pack = frame_table(cells(tmp_path, 2), "cell", tmp_path / "cache", quiet)
    half = pack.at(SIDE // 2)
    blocks = pack.images.float().reshape(2, 3, SIDE // 2, 2, SIDE // 2, 2).mean(dim=(3, 5))
    assert (half.images.float() - blocks).abs().max() <= 0.5 and half.kept.tolist() == [0, 1]
    assert half.reach.shape == (2, 1, SIDE // 2, SIDE // 2) and pack.at(SIDE) is pack


def test_shapes_of_reach_follow_the_nucleus(tmp_path: Path) -> None:
    pack = frame_simulated(5, 1_000_000, "cell", tmp_path, quiet)
    centre = pack.reach[:, 0, SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    corner = pack.reach[:, 0, 0, 0]
    assert np.median(centre.numpy()) == 0 and (corner > 40).all()
