"""Lists and folders of images: paths, boxes, splits, and bad rows named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.datasets import read_data
from core.data.readers import is_box, read_boxes
from core.errors import InputError
from tests.support.datasets import noise


def listed(folder: Path, *lines: str, header: str = "path,label") -> Path:
    for number in range(4):
        noise(folder / f"{number}.png", number)
    file = folder / "cells.csv"
    file.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return file


def test_paths_count_from_the_folder_of_the_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = listed(tmp_path / "set", "0.png,Monocyte", f"{tmp_path / 'set' / '1.png'},basophil", "./2.png,monocyte")
    monkeypatch.chdir(tmp_path)
    data = read_data(Path("set/cells.csv"))
    assert list(data.table["label"]) == ["monocyte", "basophil", "monocyte"]
    assert set(data.table["split"]) == {"all"} and all(Path(path).is_absolute() for path in data.table["path"])
    assert [Path(path).name for path in data.table["path"]] == ["0.png", "1.png", "2.png"] and file.is_file()


def test_splits_and_boxes_are_taken(tmp_path: Path) -> None:
    header = "Label,SPLIT,path,box,other"
    lines = ('a,Training,0.png,"1,2,10,12",x', "b,validation,1.png,,", 'a,test,0.png,"3,4,9,9",')
    table = read_data(listed(tmp_path, *lines, header=header)).table
    assert list(table["split"]) == ["train", "val", "test"] and list(table["box"]) == ["1,2,10,12", "", "3,4,9,9"]


def test_missing_files_are_counted_and_the_first_three_named(tmp_path: Path) -> None:
    lines = [f"gone{number}.png,a" for number in range(5)]
    with pytest.raises(InputError, match=r"5 of 7 images are missing: .*gone0\.png.*gone1.*gone2\.png and 2 more"):
        read_data(listed(tmp_path, "0.png,a", "1.png,b", *lines))


@pytest.mark.parametrize("path", ["x" * 300 + ".png", "folder", "a\0b.png", "."])
def test_paths_that_are_no_files(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"1 of 2 images are missing|cannot be read"):
        read_data(listed(tmp_path, "0.png,a", f"{path},b"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "has no rows"),
        (("0.png,a", "1.png,"), r"1 rows lack a path or a label \(line 3\)"),
        (("0.png,a", "1.png,a"), "one class only, a"),
        (("0.png,a", "0.png,b"), r"2 rows give one picture several labels or splits \(line 2, line 3\)"),
        (("0.png,a", "1.png,b/c"), "class name 'b/c' cannot be used"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_data(listed(tmp_path, *lines))


def test_bad_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the column 'label'; it has path, class"):
        read_data(listed(tmp_path, "0.png,a", header="path,class"))
    with pytest.raises(InputError, match="no split is called 'holdout'"):
        read_data(listed(tmp_path, "0.png,a,holdout", "1.png,b,test", header="path,label,split"))
    with pytest.raises(InputError, match=r"1 rows have a box that is not .*line 2"):
        read_data(listed(tmp_path, '0.png,a,"5,5,4,9"', "1.png,b,", header="path,label,box"))


@pytest.mark.parametrize("lines", [("0.png,a,", "1.png,b,"), ("0.png,a,1,2,10,12", "1.png,b,1,2,10,12")])
def test_rows_longer_than_the_first_line_are_not_shifted(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"more fields than its first line names.*double quotes"):
        read_data(listed(tmp_path, *lines))


@pytest.mark.parametrize("header", ["path,label,Label", "Path,path,label"])
def test_a_column_that_stands_twice_is_named(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"has the column '(label|path)' twice"):
        read_data(listed(tmp_path, "0.png,0.png,a", "1.png,1.png,b", header=header))


def test_one_picture_by_several_ways_is_one_picture(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    ways = ("sub/../0.png", "link/0.png", f"{tmp_path / '0.png'}")
    with pytest.raises(InputError, match=r"2 rows give one picture several labels or splits"):
        read_data(listed(tmp_path, "0.png,a", *(f"{way},b" for way in ways), "1.png,b"))
    data = read_data(listed(tmp_path, "0.png,a", *(f"{way},a" for way in ways), "1.png,b"))
    assert len(data.table) == 2 and any("3 rows stand twice" in note for note in data.notes)


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    data = read_data(listed(tmp_path, "0.png,a", "0.png,a", "1.png,b"))
    assert len(data.table) == 2 and any("1 rows stand twice" in note for note in data.notes)


@pytest.mark.parametrize("content", [b"", b"path,label\n\xff\xfe,a\n", b'path,label\n"open,a\n', b"\0\0\0"])
def test_files_that_are_no_csv(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cells.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as a CSV|lacks the column"):
        read_data(file)


@pytest.mark.parametrize(
    ("text", "good"),
    [("", True), ("0,0,1,1", True), ("1,1,1,2", False), ("-1,0,2,2", False), ("1,2,3", False), ("٣,0,9,9", False)],
)
def test_boxes(text: str, good: bool) -> None:
    assert is_box(text) is good


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_is_read_as_spreadsheets_save_it(tmp_path: Path, separator: str, encoding: str) -> None:
    file = listed(tmp_path, "0.png,a")
    lines = [["Path ", "Label"], ["0.png", "a"], ["1.png", "b"]]
    file.write_bytes("\r\n".join(separator.join(line) for line in lines).encode(encoding))
    assert list(read_data(file).table["label"]) == ["a", "b"]


def test_a_spreadsheets_own_word_on_its_separator_is_left_out(tmp_path: Path) -> None:
    file = listed(tmp_path, "0.png,a")
    file.write_text("sep=;\npath;label;box\n0.png;a;1,2,10,12\n1.png;b;\n")
    assert list(read_data(file).table["box"]) == ["1,2,10,12", ""]


def test_windows_paths_are_understood(tmp_path: Path) -> None:
    noise(tmp_path / "set" / "img" / "0.png", 0)
    noise(tmp_path / "set" / "img" / "1.png", 1)
    (tmp_path / "set" / "cells.csv").write_text("path,label\nimg\\0.png,a\n.\\img\\1.png,b\n")
    assert [Path(path).name for path in read_data(tmp_path / "set" / "cells.csv").table["path"]] == ["0.png", "1.png"]
    noise(tmp_path / "set" / "img\\0.png", 2)  # a name that holds a backslash is itself
    assert "img\\0.png" in read_data(tmp_path / "set" / "cells.csv").table["path"][0]


def test_boxes_past_the_border_and_between_pixels_are_taken(tmp_path: Path) -> None:
    sides = "<xmin>-3.2</xmin><ymin>4.7</ymin><xmax>10.1</xmax><ymax>20</ymax>"
    (tmp_path / "a.xml").write_text(
        f"<annotation><object><name>wbc</name><bndbox>{sides}</bndbox></object></annotation>"
    )
    assert read_boxes(tmp_path / "a.xml", "WBC") == [(0, 4, 11, 20)]
