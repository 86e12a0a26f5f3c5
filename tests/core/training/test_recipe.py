"""Recipes: read, changed by `--set`, refused in a sentence, written and read back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.data.split import SplitRecipe
from core.errors import InputError
from core.models.registry import ARCHITECTURES, SHIPPED
from core.settings import assignments
from core.training.recipe import (
    RECIPE_FORM,
    RECIPES,
    DataRecipe,
    Recipe,
    read_recipe,
    recipe_architectures,
    shipped_recipes,
)

PAPERS = {
    "katar-2022": ("resnet50", "vgg19", "mobilenet_v3_small"),
    "islam-2024": ("islam_cnn", "inception_v3", "mobilenet_v2", "densenet201"),
}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_shipped_recipe_is_valid_for_every_architecture(path: Path, name: str) -> None:
    recipe = read_recipe(path.stem, name)
    assert recipe.architecture == name and recipe.name == path.stem
    if name in SHIPPED and path.stem == "leukolens":
        assert recipe.stages[-1].size == ARCHITECTURES[name].input_size


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_recipes_show_every_key(name: str) -> None:
    document = tomllib.loads((RECIPES / f"{name}.toml").read_text())
    assert set(Recipe.model_fields) - set(document) == {"batch_norm"}
    assert set(DataRecipe.model_fields) - set(document["data"]) == {"simulated_seed"}
    assert set(SplitRecipe.model_fields) == set(document["split"])


def test_the_papers_recipes_are_those_of_the_papers() -> None:
    katar = read_recipe("katar-2022", "vgg19")
    stage = katar.stages[0]
    assert (katar.optimiser, katar.patience, katar.weights, katar.schedule) == ("adam", 5, "imagenet", "constant")
    assert (stage.learning_rate, stage.batch_size, stage.epochs, stage.size) == (1e-4, 64, 50, 224)
    assert (katar.split.kind, katar.split.validation, katar.split.test) == ("random", 0.2, 0.1)
    islam = read_recipe("islam-2024")
    stage = islam.stages[0]
    assert (islam.optimiser, stage.learning_rate, stage.batch_size, stage.epochs) == ("nadam", 1e-5, 64, 30)
    assert (islam.data.framing, stage.size, islam.weights) == ("islam", 120, "none")
    for recipe in (katar, islam):
        assert not recipe.augment.on and recipe.average == recipe.clip == recipe.balance == recipe.weight_decay == 0
    assert read_recipe("islam-2024", "densenet201").weights == "imagenet"
    for name in PAPERS["islam-2024"]:
        assert name in recipe_architectures("islam-2024")


def test_changes_reach_every_key() -> None:
    settings = [
        "augment.zoom=1.5",
        "stages.1.epochs=9",
        "split.kind=random",
        'data.also=["bccd"]',
        "class_weights=true",
    ]
    recipe = read_recipe("leukolens", changes=assignments(settings, RECIPE_FORM) | {"stages.batch_size": 8})
    assert recipe.augment.zoom == 1.5 and recipe.split.kind == "random" and recipe.data.also == ("bccd",)
    assert [stage.epochs for stage in recipe.stages][1] == 9 and recipe.class_weights
    assert {stage.batch_size for stage in recipe.stages} == {8}


@pytest.mark.parametrize("also", ['["auto"]', '["folder"]', '["nowhere"]', '["bccd", "bccd"]'])
def test_known_sets_alone_may_join_and_once(also: str) -> None:
    with pytest.raises(InputError, match=r"data\.also: .*(no known set|named twice)"):
        read_recipe("leukolens", changes=assignments([f"data.also={also}"], RECIPE_FORM))


@pytest.mark.parametrize("setting", ["augment.zum=1", "stages.9.size=64", "nothing=1", "name.deeper=1", "patience=x"])
def test_a_setting_that_is_no_key_is_named(setting: str) -> None:
    with pytest.raises(InputError, match=setting.split("=", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]):
        read_recipe("leukolens", changes=assignments([setting], RECIPE_FORM))


def test_a_setting_needs_key_and_value() -> None:
    with pytest.raises(InputError, match="key=value"):
        assignments(["seed"], RECIPE_FORM)


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = " + "9" * 5000, "not valid TOML"),
        ("x = " + "[" * 5000, "not valid TOML"),
        ('name = "a"\narchitecture = "b"\nlerning_rate = 1\nstages = []', "'lerning_rate' is not known here"),
        ('name = "a"\narchitecture = "b"\nsplit.folds = 2\nstages = []', "split: folds must be 0 or at least 3"),
    ],
    ids=["number", "nesting", "key", "folds"],
)
def test_whatever_a_file_holds_a_sentence_tells_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recipe(str(file))


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_read_from_text_is_that_of_the_file(name: str) -> None:
    text = (RECIPES / f"{name}.toml").read_bytes()
    assert recipe_architectures("own.toml", text) == recipe_architectures(name)
    for architecture in (None, "resnet50"):
        found = read_recipe("own.toml", architecture, {"seed": 7}, text)
        assert found == read_recipe(name, architecture, {"seed": 7})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff", r"own\.toml is not valid TOML"),
        (b"#" * 1_000_001, r"own\.toml is larger than 1 MB"),
        (b"x = 1", r"own\.toml: "),
    ],
    ids=["bytes", "large", "key"],
)
def test_text_that_is_no_recipe_is_told_as_a_file_is(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "own.toml").write_bytes(text)
    with pytest.raises(InputError, match=message) as of_text:
        read_recipe("own.toml", text=text)
    with pytest.raises(InputError) as of_file:
        read_recipe(str(tmp_path / "own.toml"))
    assert str(of_text.value) == str(of_file.value)


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 5000 + ".toml"])
def test_a_name_that_no_disk_takes_is_no_recipe(name: str) -> None:
    with pytest.raises(InputError, match="No recipe"):
        read_recipe(name)


@pytest.mark.parametrize(
    "setting", ["stages.².size=64", f"stages.{'9' * 5000}.size=64", f"seed={'9' * 5000}", f"seed={'[' * 5000}"]
)
def test_a_setting_beyond_all_bounds_is_refused(setting: str) -> None:
    with pytest.raises(InputError):
        read_recipe("leukolens", changes=assignments([setting], RECIPE_FORM))


def test_a_wrong_stage_is_not_called_too_few_stages() -> None:
    with pytest.raises(InputError) as told:
        read_recipe("leukolens", changes={"stages.epochs": 5000})
    assert "stages.0.epochs" in str(told.value) and "at least 1 item" not in str(told.value)
