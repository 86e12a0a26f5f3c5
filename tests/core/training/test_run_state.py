"""States that a disk or a stranger has spoilt are refused in a sentence, whatever is wrong with them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from core.errors import InputError
from core.training.run_state import read_state, write_state


def test_a_spoilt_state_is_read_or_refused(tmp_path: Path) -> None:
    good, spoilt = tmp_path / "good.ckpt", tmp_path / "spoilt.ckpt"
    write_state({"state_dict": {"a": torch.ones(3)}, "epoch": 1}, good)
    sound, chance, refused = good.read_bytes(), random.Random(0), 0
    for _ in range(1500):
        data = bytearray(sound)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        spoilt.write_bytes(data)
        try:
            assert "state_dict" in read_state(spoilt)
        except InputError:
            refused += 1
    assert refused > 500
    assert read_state(good)["epoch"] == 1


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(InputError, match="no training state"):
        read_state(tmp_path / "list.ckpt")
