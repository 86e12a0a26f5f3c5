"""`explain --against` and `explain --regions`: contrastive maps and one's own regions, as a user asks for them."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.cli.app import app
from core.explanation.context import ImageContext
from core.explanation.superpixels import superpixels
from core.simulation import draw_cell

LABELS = ["--class", "monocyte", "--class", "neutrophil"]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square picture of 224 px, which the framing "frame" leaves as it is; with slic's own parts of it beside."""
    folder = tmp_path_factory.mktemp("images")
    picture = draw_cell("neutrophil", 3, size=224).image
    Image.fromarray(picture).save(folder / "cell.png")
    parts = superpixels(ImageContext(picture), "slic", 20, 224)
    Image.fromarray(parts.astype(np.uint8)).save(folder / "parts.png")
    return folder / "cell.png"


def run(cell: Path, root: Path, out: Path, *more: str | Path) -> Result:
    options = [cell, "--model", "second", "--framing", "frame", "--checkpoints", root, "--out", out, "--json", *more]
    return CliRunner().invoke(app, ["explain", *map(str, options)])


def model_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["models"][0]


def test_own_regions_that_are_slics_give_slics_maps(root: Path, cell: Path, tmp_path: Path) -> None:
    few = ["--method", "lime", "--method", "shap-kernel", "--set", "lime.samples=60", "--set", "shap-kernel.samples=60"]
    same = ["--set", "lime.regions=20", "--set", "shap-kernel.regions=20"]
    built_in = model_of(run(cell, root, tmp_path / "a", *few, *same))
    own = model_of(run(cell, root, tmp_path / "b", *few, "--regions", cell.with_name("parts.png")))
    assert built_in["regions"] is None and own["regions"]["count"] == 20 and len(own["regions"]["sha256"]) == 64
    assert {item["settings"]["superpixels"] for item in own["explanations"]} == {"own"}
    for method in ("lime", "shap-kernel"):
        ours, theirs = (np.load(tmp_path / name / "second" / f"{method}.npz") for name in "ba")
        assert np.array_equal(ours["regions"], theirs["regions"]) and np.any(ours["values"])
        assert np.array_equal(ours["values"], theirs["values"])


def test_partition_shap_is_even_over_each_of_the_readers_regions(root: Path, cell: Path, tmp_path: Path) -> None:
    parts = ["--regions", cell.with_name("parts.png")]
    entry = model_of(run(cell, root, tmp_path, "--method", "shap-partition", *parts))
    assert entry["explanations"][0]["evaluations"] < 500  # nothing is left to halve
    stored = np.load(tmp_path / "second" / "shap-partition.npz")
    labels = superpixels(ImageContext(np.asarray(Image.open(cell))), "slic", 20, 120)
    for part in np.unique(labels):
        inside = stored["values"][:, labels == part]
        assert np.ptp(inside, axis=1).max() <= 1e-6 * np.abs(stored["values"]).max()
    assert np.abs(stored["gap"]).max() < 1e-3


def test_a_setting_goes_before_the_given_regions(root: Path, cell: Path, tmp_path: Path) -> None:
    more = ["--method", "lime", "--set", "lime.samples=20", "--set", "lime.superpixels=grid"]
    entry = model_of(run(cell, root, tmp_path, *more, "--regions", cell.with_name("parts.png")))
    assert entry["explanations"][0]["settings"]["superpixels"] == "grid"


def test_regions_are_cut_with_the_picture(root: Path, cell: Path, tmp_path: Path) -> None:
    more = ["--framing", "cell", "--method", "lime", "--set", "lime.samples=20"]
    halves = np.zeros((224, 224), np.uint8)
    halves[:, 112:] = 200
    Image.fromarray(halves).save(tmp_path / "halves.png")
    entry = model_of(run(cell, root, tmp_path / "out", *more, "--regions", tmp_path / "halves.png"))
    assert entry["regions"]["count"] == 2


def bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 px."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(60_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def picture(array: np.ndarray, path: Path) -> Path:
    Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda at: picture(np.arange(100, dtype=np.uint8).reshape(10, 10).repeat(3, 0).repeat(3, 1), at), "30x30"),
        (lambda at: picture(np.full((224, 224), 7, np.uint8), at), "one region"),
        (lambda at: picture(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8), at), "at most 400"),
        (lambda at: picture(np.arange(224 * 224, dtype=np.uint16).reshape(224, 224), at), "16 bits"),
        (lambda at: picture(np.eye(224, dtype=np.uint8) * 255, at.with_suffix(".jpg")), "JPEG"),
        (lambda at: at.write_bytes(bomb()) and at, "megapixels"),
        (lambda at: at.write_bytes(b"GIF89a and no more") and at, "GIF"),
        (lambda at: at, "does not exist"),
    ],
)
def test_bad_regions_are_told_in_words(root: Path, cell: Path, tmp_path: Path, make: Any, told: str) -> None:
    result = run(cell, root, tmp_path / "out", "--method", "lime", "--regions", make(tmp_path / "regions.png"))
    assert result.exit_code == 2 and told in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_regions_need_a_method_and_own_superpixels_need_regions(root: Path, cell: Path, tmp_path: Path) -> None:
    result = run(cell, root, tmp_path / "a", "--regions", cell.with_name("parts.png"))
    assert result.exit_code == 2 and "lime, shap-kernel, shap-partition" in result.stderr
    result = run(cell, root, tmp_path / "b", "--method", "lime", "--set", "lime.superpixels=own")
    assert result.exit_code == 2 and "no regions of your own" in result.stderr


def test_contrastive_maps_stand_beside_the_plain_ones(root: Path, cell: Path, tmp_path: Path) -> None:
    more = ["--method", "gradcam", "--method", "layercam", "--against", "basophil", *LABELS]
    result = run(cell, root, tmp_path, *more)
    entry = model_of(result)
    assert "LayerCAM has no contrastive map" in result.stderr
    assert [item["method"] for item in entry["contrasts"]] == ["gradcam"]
    contrast = entry["contrasts"][0]
    assert contrast["against"] == "basophil" and contrast["signed"] and set(contrast["maxima"]) == set(LABELS[1::2])
    assert entry["explanations"][0]["against"] is None
    assert set(entry["explanations"][0]["class_correlation"]) == set(LABELS[1::2])
    assert (tmp_path / "second" / "gradcam-monocyte-against-basophil.png").is_file()
    run(cell, root, tmp_path / "all")
    plain = np.load(tmp_path / "all" / "second" / "gradcam.npz")
    classes = plain["classes"].tolist()
    wanted = plain["unclipped"][classes.index("monocyte")] - plain["unclipped"][classes.index("basophil")]
    found = np.load(tmp_path / "second" / "gradcam-against-basophil.npz")
    assert np.array_equal(found["native"][found["classes"].tolist().index("monocyte")], wanted)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--against", "platelet"], "no class 'platelet'"),
        (["--against", "monocyte", "--class", "monocyte"], "another class"),
        (["--against", "monocyte", "--method", "eigencam"], "same map for every class"),
        (["--against", "monocyte", "--method", "gradcam++"], "not linear"),
    ],
)
def test_a_contrast_that_makes_no_sense_is_refused(
    root: Path, cell: Path, tmp_path: Path, more: list[str], told: str
) -> None:
    result = run(cell, root, tmp_path / "out", *more)
    assert result.exit_code == 2 and told in result.stderr and result.stdout == ""
