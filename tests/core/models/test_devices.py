"""Where networks run: what is chosen, what is refused, and what happens where a GPU's memory is full. No GPU is needed:
one is made up of the processor and a limit."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.models.devices import SWITCH, chosen_device, device_title, within_memory
from core.models.staged import StagedNetwork
from tests.support.toy_networks import random_network, toy


class Full(nn.Module):
    """Runs out of memory on more than `most` pictures at once, as long as it is not a copy."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.asked = most, []
        self.weight = nn.Parameter(torch.ones(1))

    def __deepcopy__(self, memo: dict) -> nn.Module:
        return nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        self.asked.append(len(inputs))
        if len(inputs) > self.most:
            raise torch.OutOfMemoryError
        return inputs * self.weight


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen_device().type == chosen_device("auto").type == "cuda" and chosen_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 1)
    assert chosen_device().type == "mps"
    monkeypatch.setattr(torch.mps, "device_count", lambda: 0)
    assert chosen_device().type == "cpu" and device_title(chosen_device()).startswith("processor")


def test_the_environment_decides_where_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(SWITCH, "CPU")
    assert chosen_device().type == "cpu" and chosen_device("cuda").type == "cuda"


@pytest.mark.parametrize("name, words", [("tpu", "No device 'tpu'. Known: auto"), ("cuda", "No cuda device is usable")])
def test_a_device_that_is_none_is_refused(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=words):
        chosen_device(name)


def test_a_full_memory_is_met_by_fewer_pictures_and_told(caplog: pytest.LogCaptureFixture) -> None:
    network, pictures = Full(most=3), torch.arange(10.0)[:, None]
    with caplog.at_level(logging.WARNING):
        found = within_memory(network, pictures, lambda inputs: pytest.fail("the processor was asked"))
    assert torch.equal(found, pictures) and max(network.asked[1:]) < 10 and "memory is full" in caplog.text


def test_one_picture_too_much_goes_to_the_processor(caplog: pytest.LogCaptureFixture) -> None:
    found = within_memory(Full(most=0), torch.arange(3.0)[:, None], lambda inputs: inputs + 100)
    assert found[:, 0].tolist() == [100, 101, 102] and "the processor takes over" in caplog.text


def test_a_classifier_answers_the_same_with_little_memory() -> None:
    plain = random_network()
    tight = StagedNetwork({"room": Full(most=2), **plain.stages}, "see")
    none = StagedNetwork({"room": Full(most=0), **plain.stages}, "see")
    views = [(torch.rand(16, 16, 3, generator=torch.Generator().manual_seed(n)) * 255).byte().numpy() for n in range(7)]
    expected = toy(plain, 16).predict(views)
    for network in (tight, none):
        found = toy(network, 16).predict(views)
        assert [one.predicted for one in found] == [one.predicted for one in expected]
        for one, other in zip(found, expected, strict=True):
            assert one.logits == pytest.approx(other.logits, abs=1e-5)
