"""The weights that a run begins with: taken over from another class set, or refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import InputError
from core.training.recipe import Recipe
from core.training.weights import initial_network, plain_network
from tests.support.trainings import recipe_of

pytestmark = pytest.mark.usefixtures("toys")


def from_weights(path: Path | str) -> Recipe:
    return recipe_of(architecture="toy_plain", weights=str(path))


def test_a_file_gives_all_but_the_last_layer(tmp_path: Path) -> None:
    donor = plain_network(recipe_of(architecture="toy_plain", seed=7), 5)
    save_file({key: value.half() for key, value in donor.state_dict().items()}, tmp_path / "donor.safetensors")
    network, origin = initial_network(from_weights(tmp_path / "donor.safetensors"), ("a", "b", "c"))
    assert "without its last layer" in origin
    own, theirs = network.state_dict(), donor.state_dict()
    last = [key for key in own if own[key].shape != theirs[key].shape]
    assert len(last) == 2 and {own[key].shape[0] for key in last} == {3}
    for key in own.keys() - set(last):
        torch.testing.assert_close(own[key], theirs[key].half().float(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["missing.safetensors", "nul\0.safetensors", "folder.safetensors", "pipe.safetensors"])
def test_what_is_no_file_gives_no_weights(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(InputError, match="No weights can be read"):
        initial_network(from_weights(tmp_path / name), ("a", "b"))


def test_a_file_that_is_damaged_or_anothers_gives_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"no weights at all")
    with pytest.raises(InputError, match="damaged"):
        initial_network(from_weights(file), ("a", "b"))
    save_file({"other": torch.ones(3)}, file)
    with pytest.raises(InputError, match="do not fit the network"):
        initial_network(from_weights(file), ("a", "b"))
