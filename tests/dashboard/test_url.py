"""Choices to the address and back."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.preprocessing.parameters import PRESETS, CellParameters
from dashboard import url
from dashboard.url import parameters_from_text, parameters_to_text


def test_defaults_leave_the_address_empty() -> None:
    values, problems = url.read({})
    assert problems == {}
    assert url.written(values) == {}


def test_every_choice_comes_back_from_the_address() -> None:
    query = {
        "image": "upload-0123456789abcdef",
        "models": "vgg19,islam_cnn",
        "view": "masked",
        "truth": "on",
        "cell": "lower~1-2-3",
        "methods": "gradcam++,eigencam",
        "classes": "monocyte,blast",
        "set": "gradcam.layer@vgg19:stage-1,occlusion.evaluations:300",
        "seed": "7",
        "precision": "float32",
        "borders": "none",
        "palette": "magma",
        "diverging": "teal-brown",
        "opacity": "30",
        "scale": "classes",
        "lesson": "own.my-lesson_2",
        "step": "7",
        "run": "third.run",
        "runs": "first-run,second",
        "matrix": "counts",
        "figure": "auc",
        "curves": "loss",
        "roc": "whole",
        "drawn": "label~monocyte*tint~-0.5*stain~white-violet",
        "drawing": "12",
        "guess": "on",
        "projector": "on",
        "pick": "3",
        "layout": "figure",
        "label": "monocyte",
        "against": "runner-up",
        "wipe": "40",
        "tab": "mistakes",
    }
    assert set(query) == set(url.BY_NAME)
    values, problems = url.read(query)
    assert problems == {}
    assert url.written(values) == query


@pytest.mark.parametrize("name", sorted(url.BY_NAME))
@pytest.mark.parametrize("text", ["", "<b>", "9" * 900, "=1+1", "a,,b", "~~~", "\x00"])
def test_nonsense_is_told_and_gives_the_default(name: str, text: str) -> None:
    values, problems = url.read({name: text})
    if not problems:
        assert (name, text) in {("cell", ""), ("drawn", "")}
    else:
        assert values[name] == url.BY_NAME[name].default
        assert "<" not in problems[name]
        assert len(problems[name]) < 700


def test_a_link_of_before_names_one_method() -> None:
    assert url.read({"method": "gradcam++"})[0]["methods"] == ("gradcam++",)
    assert url.read({"method": "gradcam", "methods": "eigencam"})[0]["methods"] == ("eigencam",)
    assert "methods" in url.read({"method": "guess"})[1]


def test_a_plus_sign_that_became_a_space_is_read() -> None:
    assert url.read({"methods": "gradcam  ,gradcam"})[0]["methods"] == ("gradcam++", "gradcam")


def test_one_invalid_value_leaves_the_others() -> None:
    values, problems = url.read({"view": "sideways", "opacity": "10"})
    assert list(problems) == ["view"]
    assert values["opacity"] == 10


@pytest.mark.parametrize(
    "parameters",
    [
        CellParameters(),
        CellParameters(lower=(0, 1, 2), minimum_solidity=0.25, padding=0, choice="central"),
        CellParameters(mode="automatic"),
        *(preset.parameters for preset in PRESETS.values()),
    ],
)
def test_parameters_come_back_from_their_text(parameters: CellParameters) -> None:
    text = parameters_to_text(parameters)
    assert parameters_from_text(text) == parameters
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789_~*-.")


@pytest.mark.parametrize("mode", ["pbc", "automatic", "nosuch"])
def test_a_link_cannot_wear_a_name_over_other_bounds(mode: str) -> None:
    read = parameters_from_text(f"mode~{mode}*lower~1-2-3")
    assert read == CellParameters(lower=(1, 2, 3), mode="manual")


@pytest.mark.parametrize("text", ["lower~1-2", "unknown~3", "padding~-4", "lower", "padding~1e9", "mode~no such"])
def test_invalid_parameters_raise(text: str) -> None:
    with pytest.raises(InputError):
        parameters_from_text(text)
