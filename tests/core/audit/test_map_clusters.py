"""Clusters of maps: made-up ones are found again, and a model that reads a mark in the corner is seen to do so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from core.audit import behaviour
from core.audit.behaviour import MAP_SIDE, small_map, work_on
from core.audit.map_clusters import grouped_maps, map_clusters
from core.audit.sampled_steps import looks_step
from core.audit.shards import Document, Shard, ShardImage
from core.models.staged import StagedNetwork
from core.simulation import draw_cell
from tests.support.toy_networks import toy


def blob(row: float, column: float, seed: int = 0, side: int = MAP_SIDE) -> np.ndarray:
    """A map with one bright spot, a little noisy, of sum 1."""
    down, across = np.mgrid[:side, :side]
    random = np.random.default_rng(seed)
    found = np.exp(-((down - row) ** 2 + (across - column) ** 2) / 8) + 0.02 * random.random((side, side))
    return np.asarray(found / found.sum())


def look(row: int, label: str, grid: np.ndarray | None, around: float, answer: str = "") -> Document:
    shares = {"nucleus": 0.7 * (1 - around), "cytoplasm": 0.3 * (1 - around), "surroundings": around}
    return {
        "row": row, "label": label, "answer": answer or label, "other": "", "image": f"cells/{row}.png",
        "map": None if grid is None else grid.tolist(), "shares": shares if grid is not None else dict.fromkeys(shares),
        "areas": {"nucleus": 0.2, "cytoplasm": 0.1, "surroundings": 0.7},
        "answers": {"cell": label, "surroundings": "nothing", "swapped": label},
    }  # fmt: skip


@pytest.mark.parametrize(
    "places", [[(7, 7)], [(7, 7), (1, 1)], [(7, 7), (1, 1), (12, 2)], [(7, 7), (1, 1), (12, 2), (2, 12)]]
)
def test_as_many_groups_as_were_made(places: list[tuple[int, int]]) -> None:
    maps = np.array([blob(*places[n % len(places)], seed=n) for n in range(24)])
    groups = grouped_maps(maps)
    made = np.arange(24) % len(places)
    assert len(set(groups)) == len(places)
    assert all(len(set(groups[made == kind])) == 1 for kind in set(made))
    assert (grouped_maps(maps) == groups).all()


def test_maps_that_are_all_alike_are_one_group() -> None:
    assert set(grouped_maps(np.array([blob(7, 7)] * 15))) == {0}


def test_a_cluster_that_looks_beside_the_cell_is_named() -> None:
    rows = [look(n, "monocyte", blob(7, 7, n), 0.2) for n in range(16)]
    rows += [look(n, "monocyte", blob(1, 12, n), 0.9, "basophil" if n == 16 else "") for n in range(16, 20)]
    rows += [look(n, "basophil", blob(7, 7, n), 0.1) for n in range(20, 31)]  # eleven: too few
    rows += [look(31, "basophil", None, 0.0)]
    clusters = map_clusters(rows)
    assert [(one.name, len(one.rows), one.of) for one in clusters] == [("monocyte 1", 16, 20), ("monocyte 2", 4, 20)]
    assert [one.peak for one in clusters] == ["the centre", "the upper right"]
    assert clusters[1].mean == pytest.approx(np.mean([blob(1, 12, n) for n in range(16, 20)], axis=0))
    result = looks_step({"made": [{"rows": rows, "without": 3}]})
    told = {one.key: one for one in result.findings}
    assert told["clusters"].status == "failed" and told["clusters"].figure == pytest.approx(0.9)
    assert "4 of 20 maps of monocyte have 90.0 %" in told["clusters"].sentence
    assert "In 3 of 35 sampled pictures no cell is found" in told["without"].sentence
    table = next(one for one in result.tables if "clusters" in one.title)
    assert table.rows[1][:3] == ("monocyte 2", "4 of 20", "75.0 % (30.1 % to 95.4 %)")
    (picture,) = result.pictures
    assert [panel.name for panel in picture.panels] == ["monocyte 1 (16 of 20)", "monocyte 2 (4 of 20)"]
    assert picture.panels[1].values[1][12] == max(map(max, picture.panels[1].values))
    assert "90.0 % beside the cell, brightest in the upper right" in picture.text


def test_a_small_cluster_beside_the_cell_is_not_judged_and_few_maps_are_not_grouped() -> None:
    rows = [look(n, "monocyte", blob(7, 7, n), 0.2) for n in range(38)]
    rows += [look(n, "monocyte", blob(1, 12, n), 0.9) for n in (38, 39)]  # one in twenty
    told = {one.key: one for one in looks_step({"made": [{"rows": rows}]}).findings}
    assert told["clusters"].status == "passed" and "without" not in told
    few = {one.key: one for one in looks_step({"made": [{"rows": rows[:11]}]}).findings}
    assert few["clusters"].status == "not run" and "--sample" in few["clusters"].sentence


def test_a_map_is_kept_small_and_scaled() -> None:
    values = np.zeros((140, 140), dtype=np.float32)
    values[:10, :10], values[-10:, :10] = 3.0, -5.0
    values[70:80, 70:80] = 1.0
    kept = np.array(small_map(values))
    assert (
        kept.shape == (MAP_SIDE, MAP_SIDE) and kept[0, 0] == pytest.approx(0.75) and kept[7, 7] == pytest.approx(0.25)
    )
    assert kept.sum() == pytest.approx(1) and small_map(-values.clip(-1, 0) * 0) is None


class Greenness(nn.Module):
    """Two maps of the picture at a seventh of its side: how green it is, and how dark."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Tensor) -> Tensor:
        red, green, blue = inputs.unbind(dim=1)
        seen = torch.stack([(green - red).clamp_min(0.5) - 0.5, (-green - 0.3).clamp_min(0)], dim=1)
        return nn.functional.avg_pool2d(seen * self.weight + 0 * blue[:, None], 8)


class Answer(nn.Module):
    """Class a is told by green, or else by what is dark; b by neither."""

    def forward(self, inputs: Tensor) -> Tensor:
        green, dark = inputs.mean(dim=(2, 3)).unbind(dim=1)
        return torch.stack([40 * green + dark, 0.2 * dark, 0 * dark], dim=1)


def test_a_model_that_reads_a_mark_in_the_corner_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the cells of a class carry a green mark in the corner, and the model goes by it."""
    classifier = toy(StagedNetwork({"see": Greenness(), "answer": Answer()}, "see"), 112)
    whole = classifier.card.model_copy(update={"framing": "frame"})  # that of the cell cuts the corner off
    classifier = replace(classifier, card=whole)
    monkeypatch.setattr(behaviour, "_loaded", lambda model, identity, device: classifier)
    images = []
    for number in range(14):
        rgb = draw_cell("neutrophil", number, size=140).image.copy()
        if number % 2:
            rgb[:24, :24] = (40, 220, 60)
        Image.fromarray(rgb).save(tmp_path / f"{number}.png")
        images.append(ShardImage(str(tmp_path / f"{number}.png"), "", "a", number))
    document = work_on(Shard("looks", "", "", tuple(images)))
    assert len(document["rows"]) == 14
    clusters = map_clusters(document["rows"])
    corner = next(one for one in clusters if one.suspect)
    assert {row["row"] for row in corner.rows} == set(range(1, 14, 2)) and corner.peak == "the upper left"
    assert not any(one.suspect for one in clusters if one is not corner)
