"""Fetching a set: from a server of the test's own, in the published layout, and whatever may arrive in its place."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.cli.app import app
from core.data import fetch as fetching
from core.data.datasets import read_data
from core.data.fetch import DOWNLOADS, fetch, pixels_sha256
from core.errors import InputError

CODES = ["1", "2", "3", "4", "5", "1"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that a server on this machine serves, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/set.zip"
    server.shutdown()
    server.server_close()


def picture(number: int, kind: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def archive(path: Path, **more: bytes) -> None:
    files = {"set-master/Class Labels of Dataset 1.csv": "\n".join(
        ["image ID,class label", *(f"{number},{code}" for number, code in enumerate(CODES, start=1))]
    ).encode()}  # fmt: skip
    for number in range(1, len(CODES) + 1):
        files[f"set-master/Dataset 1/{number:03d}.bmp"] = picture(number, "BMP")
        files[f"set-master/Dataset 1/{number:03d}.png"] = picture(number + 100, "PNG")
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in {**files, "set-master/run.sh": b"rm -rf /", **more}.items():
            packed.writestr(name, data)


def at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setitem(DOWNLOADS, "jtsc", replace(DOWNLOADS["jtsc"], address=address))


def test_a_set_comes_in_the_layout_that_it_is_read_from(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(served[0] / "set.zip")
    at(monkeypatch, served[1])
    told: list[str] = []
    folder = fetch("jtsc", tmp_path / "data", told.append)
    found = read_data(tmp_path / "data", "jtsc")
    assert list(found.table["label"]) == [
        "neutrophil",
        "lymphocyte",
        "monocyte",
        "eosinophil",
        "basophil",
        "neutrophil",
    ]
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".bmp", ".png", ".csv"}
    assert "GPL-3.0" in told[0] and "not pixel by pixel" in told[-1]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["jtsc"]


def test_the_known_pixels_are_recognised_whatever_the_format(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, len(CODES) + 1):
        (tmp_path / "mine" / "images").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / "images" / f"{number:03d}.png").write_bytes(picture(number, "PNG"))
    archive(served[0] / "set.zip")
    monkeypatch.setitem(
        DOWNLOADS, "jtsc", replace(DOWNLOADS["jtsc"], address=served[1], pixels_sha256=pixels_sha256(tmp_path / "mine"))
    )
    told: list[str] = []
    fetch("jtsc", tmp_path / "data", told.append)
    assert not any("not pixel by pixel" in line for line in told)


def test_without_a_connection_it_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, "http://127.0.0.1:9/set.zip")
    with pytest.raises(InputError, match=r"cannot be reached.*Connect to the internet"):
        fetch("jtsc", tmp_path / "data", lambda line: None)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("data", [b"<html>Not found</html>", b""])
def test_what_is_no_archive_is_refused(
    data: bytes, served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (served[0] / "set.zip").write_bytes(data)
    at(monkeypatch, served[1])
    with pytest.raises(InputError, match="zip file cannot be read"):
        fetch("jtsc", tmp_path / "data", lambda line: None)
    assert list((tmp_path / "data").iterdir()) == []


def test_an_archive_that_climbs_out_or_is_too_large_is_refused(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(served[0] / "set.zip", **{"../../out.png": picture(1, "PNG")})
    at(monkeypatch, served[1])
    with pytest.raises(InputError, match="outside of itself"):
        fetch("jtsc", tmp_path / "data", lambda line: None)
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    with pytest.raises(InputError, match="that is not the set"):
        fetch("jtsc", tmp_path / "data", lambda line: None)


def test_the_command_refuses_what_it_cannot_fetch(tmp_path: Path) -> None:
    def refused(*words: str) -> str:
        result = CliRunner().invoke(app, ["datasets", *words], env={"LEUKOLENS_DATA": ""})
        assert result.exit_code == 2 and "Traceback" not in result.stderr
        return " ".join(result.stderr.split())

    assert "cannot be fetched by itself" in refused("fetch", "pbc", "--data", str(tmp_path))
    assert "is no known set" in refused("fetch", "x", "--data", str(tmp_path))
    (tmp_path / "jtsc").mkdir()
    assert "there already" in refused("fetch", "jtsc", "--data", str(tmp_path))
