"""The network that finds cells is trained on what is right: mirrored pictures with mirrored boxes, halves apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import InputError
from core.fields.cells import overlap_of
from core.fields.finder import CellFinder, boxes_of, initialise, read_finder, squares_of
from core.simulation.crowd import SmearPlan, draw_smear
from core.training.finder import FinderPlan, finder_loss, fit_finder, train_finder, varied, write_finder
from core.training.finder_data import (
    ANYWHERE,
    OTHERS,
    bccd_boxes,
    doubted,
    for_choices,
    offsets,
    picture_with,
    questions_of,
    simulated_pictures,
)

VOC = "<annotation>{}</annotation>"
WBC = "<object><name>WBC</name><bndbox>{}</bndbox></object>"


def test_mirrored_and_turned_patches_keep_their_boxes() -> None:
    right = np.tile(np.array([1.0, 0.12, -0.08, -0.5, -0.9], dtype=np.float32), (64, 1))
    square = np.array([[32.0, 32.0, 64.0]])
    left, top, width, height = 32 + 64 * 0.12, 32 - 64 * 0.08, 64 * np.exp(-0.5), 64 * np.exp(-0.9)
    shares = torch.ones(64, 2, 3, 64, 64)
    rows = slice(round(top - height / 2), round(top + height / 2))
    columns = slice(round(left - width / 2), round(left + width / 2))
    shares[..., rows, columns] = 0.3
    changed, told = varied(shares, torch.from_numpy(right), torch.Generator().manual_seed(1))
    shapes = set()
    for patch, answer in zip(changed.mean(dim=(1, 2)).numpy(), told.numpy(), strict=True):
        dark = np.argwhere(patch < patch.max() * 0.8)
        (y0, x0), (y1, x1) = dark.min(axis=0), dark.max(axis=0) + 1
        x2, y2, x3, y3 = (round(float(v)) for v in boxes_of(square, answer[None])[0])
        assert overlap_of((int(x0), int(y0), int(x1), int(y1)), (x2, y2, x3, y3)) > 0.85
        shapes.add((x2, y2))
    assert len(shapes) == 8  # every one of the eight symmetries


def test_the_loss_asks_for_boxes_only_where_there_is_a_cell() -> None:
    right = torch.tensor([[1.0, 0.1, 0.1, 0.0, 0.0], [0.0, 0, 0, 0, 0]])
    answers = torch.tensor([[9.0, 0.1, 0.1, 0.0, 0.0], [-9.0, 5, 5, 5, 5]])
    assert finder_loss(answers, right) < 1e-3
    assert finder_loss(answers + torch.tensor([0, 0.2, 0, 0, 0]), right) > 0.05


def test_halves_of_bccd_are_apart_by_tens() -> None:
    names = [f"BloodImage_{number:05d}" for number in range(411)]
    chosen = [for_choices(name) for name in names]
    assert chosen[:10] == [True] * 10 and chosen[10:20] == [False] * 10 and chosen[20:30] == [True] * 10
    assert 0.45 < sum(chosen) / len(chosen) < 0.55


def test_photographs_are_read_with_their_boxes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no BCCD"):
        list(bccd_boxes(tmp_path, True))
    folder = tmp_path / "bccd" / "annotations"
    folder.mkdir(parents=True)
    box = "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>"
    (folder / "BloodImage_00001.xml").write_text(VOC.format(WBC.format(box)), encoding="utf-8")
    (folder / "BloodImage_00012.xml").write_text(VOC.format(""), encoding="utf-8")
    assert [(path.stem, boxes) for path, boxes in bccd_boxes(tmp_path, True)] == [
        ("BloodImage_00001", [(1, 2, 30, 40)])
    ]
    assert [(path.stem, boxes) for path, boxes in bccd_boxes(tmp_path, False)] == [("BloodImage_00012", [])]


def test_questions_hold_the_cells_and_what_is_none() -> None:
    pictures = [picture for picture in simulated_pictures(6, 3) if len(picture.boxes)]
    assert pictures
    for picture in pictures:
        asked = questions_of(picture, np.random.default_rng(0))
        yes = asked.right[:, 0] == 1
        assert yes.sum() >= len(picture.boxes) and (~yes).sum() >= 5
        assert np.abs(asked.right[yes][:, 1:3]).max() < 0.6 and np.abs(asked.right[yes][:, 3:]).max() < 1.2
        # A cell's patch is darker in its box than an empty field; patches are shown at the picture's own light.
        green = asked.patches[yes][:, 0, 15:33, 15:33, 1].mean(axis=(1, 2))
        assert (green < 0.93 * asked.light[yes][:, 1]).mean() > 0.9


def test_outside_a_crops_own_cell_nothing_is_asked() -> None:
    rgb = np.full((200, 200, 3), 230, dtype=np.uint8)
    rgb[80:120, 80:120] = rgb[10:40, 10:40] = (90, 40, 150)
    boxes = np.array([[75.0, 75.0, 125.0, 125.0]])
    whole, alone = picture_with(rgb, boxes), picture_with(rgb, boxes, complete=False)
    corner = [one for one in whole.candidates if max(one[:2]) < 60]
    assert corner
    kept = [questions_of(picture, np.random.default_rng(1)).right[:, 0] for picture in (whole, alone)]
    assert (kept[0] == 0).sum() > (kept[1] == 0).sum()


def test_squares_that_a_network_takes_for_cells_are_asked_about_first() -> None:
    picture = next(one for one in simulated_pictures(8, 5) if len(one.boxes) and len(one.candidates) > 60)
    network = CellFinder().eval()
    initialise(network, torch.Generator().manual_seed(0))
    again = doubted(picture, network)
    assert again.weights is not None and len(again.weights) == len(again.candidates) >= len(picture.candidates)
    assert again.weights.min() >= 0 and again.weights.max() <= 1
    told = np.zeros(len(picture.candidates))
    told[::2] = 1.0
    asked = questions_of(replace(picture, weights=1e6 * told), np.random.default_rng(0))
    no = asked.right[asked.right[:, 0] == 0, 1:]
    doubts = np.concatenate(
        [offsets(picture.candidates[::2], np.tile(box, (len(told[::2]), 1))) for box in picture.boxes]
    )
    assert len(no) == OTHERS + ANYWHERE
    assert all(np.abs(doubts - row).max(axis=1).min() < 1e-5 for row in no)


def test_a_seed_gives_one_network(tmp_path: Path) -> None:
    pictures = list(simulated_pictures(3, 1))
    plan = FinderPlan(seed=4, epochs=1)
    told: list[str] = []
    one, two = fit_finder(pictures, plan, told.append), fit_finder(pictures, plan, told.append)
    assert told[0] == told[1] and told[0].startswith("epoch 1 of 1")
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_training_writes_what_detection_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "bccd" / "annotations").mkdir(parents=True)
    (data / "bccd" / "images").mkdir()
    for number in (1, 11):
        smear = draw_smear(SmearPlan(120, 160, ("lymphocyte",), red_radius=14.0), number)
        name = f"BloodImage_{number:05d}"
        Image.fromarray(smear.image).save(data / "bccd" / "images" / f"{name}.jpg")
        sides = zip(("xmin", "ymin", "xmax", "ymax"), smear.cells[0].box, strict=True)
        box = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
        (data / "bccd" / "annotations" / f"{name}.xml").write_text(VOC.format(WBC.format(box)), encoding="utf-8")
    network, card = train_finder(data, FinderPlan(epochs=1, simulated=1, raabin=0, pbc=0), lambda line: None)
    write_finder(tmp_path / "out", network, card)
    again, told = read_finder(tmp_path / "out")
    assert told == card and [one.photographs for one in card.figures] == [1, 1]
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert squares_of(np.array([[0.0, 0.0, 4.0, 9.0]])).tolist() == [[2.0, 4.5, 6.0]]
