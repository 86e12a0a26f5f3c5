from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.models.registry import ARCHITECTURES
from core.training.recipe import RECIPES, Recipe, read_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_shipped_recipe_is_valid_for_every_architecture(path: Path, name: str) -> None:
    recipe = read_recipe(path.stem, name)
    assert recipe.architecture == name
    assert recipe.stages[-1].size == ARCHITECTURES[name].input_size


def test_tables_for_an_architecture_lie_over_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'name = "own"\narchitecture = "resnet50"\nseed = 3\n[augment]\nzoom = 1.1\nblur = 0.5\n'
        "[[stages]]\nsize = 64\nepochs = 1\nlearning_rate = 0.1\n"
        "[for.vgg19]\nbatch_norm = true\naugment = { zoom = 2.0 }\n"
    )
    plain, special = read_recipe(str(file)), read_recipe(str(file), "vgg19")
    assert (plain.batch_norm, plain.augment.zoom) == (False, 1.1)
    assert (special.batch_norm, special.augment.zoom, special.augment.blur, special.seed) == (True, 2.0, 0.5, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        ('name = "a"\narchitecture = "b"\nstages = []', "stages"),
        ('name = "a"\narchitecture = "b"\nfor = 3\n[[stages]]\nsize=64\nepochs=1\nlearning_rate=1', "for.NAME"),
        ('name = "a"\narchitecture = ["b"]\n[[stages]]\nsize=64\nepochs=1\nlearning_rate=1', "architecture"),
        (
            'name = "a"\narchitecture = "b"\nlerning_rate = 1\n[[stages]]\nsize=64\nepochs=1\nlearning_rate=1',
            "lerning_rate",
        ),
        ('name = "a"\narchitecture = "b"\n[[stages]]\nsize=64\nepochs=0\nlearning_rate=1', "stages.0.epochs"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(str(file))


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=r"Shipped: .*leukolens"):
        read_recipe("missing")


def test_stages_follow_one_another() -> None:
    stages = ({"size": 64, "epochs": 2, "learning_rate": 0.1}, {"size": 96, "epochs": 3, "learning_rate": 0.1})
    recipe = Recipe.model_validate({"name": "a", "architecture": "b", "stages": stages})
    assert [recipe.stage_at(epoch)[0].size for epoch in range(5)] == [64, 64, 96, 96, 96]
    assert [recipe.stage_at(epoch)[1] for epoch in range(5)] == [0, 1, 0, 1, 2]
