"""Groups on disk, in splits and in a cache."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from scipy.cluster.hierarchy import DisjointSet

import core.leaks.grouping as module
from core.errors import InputError
from core.leaks.grouping import cached_groups, group_numbers
from core.leaks.groups_file import read_groups, write_groups
from core.leaks.report import (
    Leak,
    SharedPhotographs,
    contamination,
    folder_label,
    locate_images,
    shared_pairs,
    split_of,
)
from tests.support.photographs import photograph, save


def quiet(message: str) -> None:
    del message


def test_contamination_by_hand() -> None:
    groups, splits = [0, 0, 1, 1, 2, 0, 3], ["train", "test", "train", "train", "test", "train", ""]
    assert contamination(groups, splits) == [Leak(0, ("test", "train"), 3)]
    assert shared_pairs(groups, splits) == [SharedPhotographs(("test", "train"), 1, (1, 2))]
    assert contamination([0, 0], ["train", ""]) == []


def test_groups_are_numbered_as_they_first_appear() -> None:
    groups = DisjointSet(range(6))
    for one, other in ((5, 1), (4, 2), (5, 3)):
        groups.merge(one, other)
    assert group_numbers(groups).tolist() == [0, 1, 2, 1, 2, 1]


@pytest.mark.parametrize(
    "name", ["a,b.png", "two\nlines.png", 'quo"te.png', "back\rhere.png", "\udcff.png", "=1+1.png"]
)
def test_groups_of_hostile_names_come_back(name: str, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    write_groups(table, [(f"train/{name}", 7, str(tmp_path)), ("other.png", 8, str(tmp_path))])
    assert read_groups(table, [tmp_path / "other.png", tmp_path / "train" / name]).tolist() == [8, 7]
    with table.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert next(csv.reader(file)) == ["path", "group", "dir"]


def test_groups_are_found_where_the_data_have_moved(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    write_groups(table, [("train/a/1.png", 3, "/elsewhere/set"), ("test/a/1.png", 4, "/elsewhere/set")])
    assert read_groups(table, [Path("/here/set/test/a/1.png")]).tolist() == [4]
    with pytest.raises(InputError, match="no row"):
        read_groups(table, [Path("/here/set/val/b/1.png")])


def test_a_row_is_one_image_s_alone(tmp_path: Path) -> None:
    """Files of different splits often have the same names: those of test are not those of train."""
    table = tmp_path / "groups.csv"
    train = tmp_path / "set" / "train"
    write_groups(table, [("a/1.png", 3, str(train)), ("a/2.png", 4, str(train))])
    of_train = [train / "a" / "1.png", train / "a" / "2.png", train / "a" / "1.png"]
    assert read_groups(table, of_train).tolist() == [3, 4, 3]
    moved = [Path("/moved/train/a/2.png"), Path("/moved/train/a/1.png")]
    assert read_groups(table, moved).tolist() == [4, 3]
    for both in ([*of_train, tmp_path / "set/test/a/1.png"], [*moved, Path("/moved/test/a/1.png")]):
        with pytest.raises(InputError, match=r"no row for .*test/a/1\.png"):
            read_groups(table, both)


def test_files_that_cannot_be_read_need_no_row(tmp_path: Path) -> None:
    """`leaks` skips them, and what takes the groups skips them too."""
    table = tmp_path / "groups.csv"
    paths = [save(photograph(0), tmp_path / "0.png"), *(tmp_path / f"bad{number}.png" for number in range(2))]
    for path in paths[1:]:
        path.write_bytes(paths[0].read_bytes()[:200])
    write_groups(table, [("0.png", 0, str(tmp_path))])
    assert len(set(read_groups(table, paths).tolist())) == 3
    with pytest.raises(InputError, match="no row"):
        read_groups(table, [save(photograph(1), tmp_path / "1.png")])


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(f"\ufeffpath,group,dir\r\na.png,5,{tmp_path}\r\n", encoding="utf-8", newline="")
    assert read_groups(table, [tmp_path / "a.png"]).tolist() == [5]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path,group\na,1\n",
        "path,group,dir\na,x,d\n",
        "path,group,dir\na,-1,d\n",
        'path,group,dir\n"a,1,d\n',
        "path,group,dir\na\n",
    ],
)
def test_damaged_groups_are_refused(text: str, tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(text)
    with pytest.raises(InputError):
        read_groups(table, [Path("a")])
    with pytest.raises(InputError):
        read_groups(tmp_path / "none.csv", [Path("a")])


def test_groups_are_kept_and_made_anew_where_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = save(photograph(1), tmp_path / "one.png")
    same = save(photograph(1)[:, ::-1].copy(), tmp_path / "same.jpg", quality=70)
    junk = tmp_path / "junk.jpg"
    junk.write_text("none")
    paths, cache = [one, junk, same], tmp_path / "cache"
    assert cached_groups(paths, cache, quiet).tolist() == [0, 1, 0]
    (kept,) = cache.iterdir()
    searched: list[int] = []
    find = module.find_groups
    monkeypatch.setattr(module, "find_groups", lambda *given: (searched.append(1), find(*given))[1])
    assert cached_groups(paths, cache, quiet).tolist() == [0, 1, 0] and not searched
    kept.write_bytes(b"damaged")
    assert cached_groups(paths, cache, quiet).tolist() == [0, 1, 0] and len(searched) == 1
    save(photograph(2), one)
    assert cached_groups(paths, cache, quiet).tolist() == [0, 1, 2] and len(searched) == 2


def test_a_raised_number_finds_the_groups_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, cache = [save(photograph(1), tmp_path / "one.png")], tmp_path / "cache"
    assert cached_groups(paths, cache, quiet).tolist() == [0] and len(list(cache.iterdir())) == 1
    searched: list[int] = []
    find = module.find_groups
    monkeypatch.setattr(module, "find_groups", lambda *given: (searched.append(1), find(*given))[1])
    monkeypatch.setattr(module, "GROUPING_FORMAT", module.GROUPING_FORMAT + 1)
    assert cached_groups(paths, cache, quiet).tolist() == [0] and len(searched) == 1 and len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    one = save(photograph(1), tmp_path / "one.png")
    told: list[str] = []
    assert cached_groups([one, one], one / "cache", told.append).tolist() == [0, 0]
    assert any("could not be kept" in message for message in told)


def test_places_tell_splits_and_classes() -> None:
    assert [
        split_of(path) for path in ("TRAIN/a/1.png", "x/val/1.png", "TEST_SIMPLE/1.png", "trainer/1.png", "fold2/a.png")
    ] == [
        "TRAIN",
        "val",
        "TEST_SIMPLE",
        "",
        "fold2",
    ]
    assert [folder_label(path) for path in ("TRAIN/a/1.png", "train/1.png", "1.png", "images/1.png")] == [
        "a",
        "",
        "",
        "",
    ]


def test_each_image_is_taken_once(tmp_path: Path) -> None:
    save(photograph(1), tmp_path / "set" / "train" / "1.png")
    save(photograph(2), tmp_path / "set" / "test" / "2.png")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set", target_is_directory=True)
    (tmp_path / "link").symlink_to(tmp_path / "set", target_is_directory=True)
    whole = str(tmp_path / "set")
    places, notes = locate_images([whole, f"{whole}/", f"{whole}/train", str(tmp_path / "link")])
    assert [(place.dir, place.path, place.split) for place in places] == [
        (whole, "test/2.png", "test"),
        (whole, "train/1.png", "train"),
    ]
    assert len(notes) == 3
