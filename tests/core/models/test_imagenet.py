"""ImageNet weights: downloaded ones are taken over, and no file is believed that holds more than tensors."""

from __future__ import annotations

import pickle
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import hub
from torchvision import models

from core.errors import InputError
from core.models.registry import architecture

NAME = "mobilenet_v3_small-047dcff4.pth"  # as torchvision calls the file


class _Harm:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torchvision keeps the file once it is downloaded."""
    monkeypatch.setattr(hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / NAME


def test_the_weights_are_taken_over_but_for_the_last_layer(file: Path) -> None:
    torch.manual_seed(1)
    upstream = models.mobilenet_v3_small()
    torch.save(upstream.state_dict(), file)
    own = list(architecture("mobilenet_v3_small").build(5, imagenet=True).state_dict().values())
    theirs = list(upstream.state_dict().values())
    assert all(torch.equal(one, other) for one, other in zip(own[:-2], theirs[:-2], strict=True))
    assert own[-1].shape == (5,)


def test_a_file_that_would_run_something_is_refused_unrun(file: Path, tmp_path: Path) -> None:
    file.write_bytes(pickle.dumps({"classifier": _Harm(tmp_path / "harmed")}))
    with pytest.raises(InputError, match=rf"damaged.*{NAME}"):
        architecture("mobilenet_v3_small").build(5, imagenet=True)
    torch.save({"classifier": _Harm(tmp_path / "harmed")}, file)
    with pytest.raises(InputError, match="damaged"):
        architecture("mobilenet_v3_small").build(5, imagenet=True)
    assert not (tmp_path / "harmed").exists()


def test_a_download_that_breaks_off_or_does_not_begin_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError('invalid hash value (expected "047dcff4", got "0")')

    monkeypatch.setattr(hub, "download_url_to_file", broken)
    with pytest.raises(InputError, match="damaged"):
        architecture("mobilenet_v3_small").build(5, imagenet=True)

    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(hub, "download_url_to_file", unreachable)
    with pytest.raises(InputError, match=r"could not be downloaded.*none"):
        architecture("mobilenet_v3_small").build(5, imagenet=True)
