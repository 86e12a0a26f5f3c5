"""The reference pages name every command, option, setting, recipe key, variable and file key that the code has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from benchmarks.__main__ import app as benchmarks_app
from core.cli.app import app as core_app
from core.data.split import SplitRecipe
from core.explanation.methods.registry import METHODS
from core.models.card import ModelCard
from core.preprocessing.parameters import CellParameters
from core.runs.directory import COLUMNS, RunStatus
from core.training.recipe import AugmentRecipe, DataRecipe, Recipe, StageRecipe, shipped_recipes
from dashboard.url import CHOICES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = {
    f"python -m {package} {name}": command
    for package, app in (("core", core_app), ("benchmarks", benchmarks_app))
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
}
TABLES = {"": Recipe, "data.": DataRecipe, "split.": SplitRecipe, "augment.": AugmentRecipe, "stages.": StageRecipe}


def section(page: str, title: str) -> str:
    """The text below a heading of the second level, up to the next heading as high."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^##? |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found is not None, f"no section “{title}”"
    return found.group(1)


def rows(text: str) -> dict[str, str]:
    """The rows of all tables: each name that the first cell holds in code, with the second cell."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: cell[1].strip() for cell in cells for name in re.findall(r"`([^`]+)`", cell[0])}


def options(command: Any) -> set[str]:
    """The options of a command, and its arguments in capitals; `--help` aside."""
    found: set[str] = set()
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            found.add(parameter.name.upper())
        else:
            found |= {*parameter.opts, *parameter.secondary_opts}
    return found - {"--help"}


def read(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("title", COMMANDS)
def test_a_command_is_described_with_all_its_options_and_no_other(title: str) -> None:
    told = section(read("command-line"), f"`{title}`")
    table = rows(told.partition("Settings for `--set`")[0])
    assert {name for name in table if name.startswith("--") or name.isupper()} == options(COMMANDS[title])


def test_no_command_is_described_that_there_is_not() -> None:
    assert set(re.findall(r"^## `(.+)`$", read("command-line"), re.MULTILINE)) == set(COMMANDS)


def test_every_setting_of_a_method_stands_with_its_default() -> None:
    told = section(read("command-line"), "`python -m core explain`").partition("Settings for `--set`")[2]
    wanted = {f"{one.name}.{field.name}": field for one in METHODS.values() for field in one.settings.fields()}
    assert set(rows(told)) == set(wanted)
    lines = [line.strip("| ").split(" | ") for line in told.splitlines() if line.startswith("| `")]
    defaults = {name: cells[2] for cells in lines for name in re.findall(r"`([^`]+)`", cells[0])}
    for name, field in wanted.items():
        assert defaults[name].strip("` ") == (str(field.default) or "the last convolution"), name


def test_every_recipe_key_stands_with_its_default() -> None:
    told = rows(read("recipes"))
    wanted = {
        f"{table}{key}": toml(field.default)
        for table, model in TABLES.items()
        for key, field in model.model_fields.items()
    }
    assert {key: told.get(key, "not described").strip("`") for key in wanted} == wanted


def toml(value: Any) -> str:
    """A default as the page writes it."""
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "table"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return "[]" if value == () else str(value)


def test_every_shipped_recipe_is_named() -> None:
    assert set(shipped_recipes()) <= set(rows(read("recipes")))


def test_the_variables_are_those_that_the_code_reads() -> None:
    files = [
        ROOT / "Makefile",
        *(p for f in ("core", "dashboard", "pages", "benchmarks") for p in (ROOT / f).rglob("*.py")),
    ]
    used = {name for file in files for name in re.findall(r"LEUKOLENS_[A-Z_]+", file.read_text(encoding="utf-8"))}
    assert used and {name for name in rows(read("environment-variables")) if name.startswith("LEUKO")} == used


def test_every_parameter_of_the_address_is_described() -> None:
    assert set(rows(read("address"))) >= {choice.name for choice in CHOICES}


def test_every_parameter_of_the_cell_pipeline_stands_with_its_default() -> None:
    told = rows(section(read("file-formats"), "Parameters of the cell pipeline"))
    wanted = {name: str(field.default) for name, field in CellParameters.model_fields.items()}
    shown = {name: told.get(name, "not described").strip("`") for name in wanted}
    assert {name: re.sub(r"[\[\]\"]", "", text) for name, text in shown.items()} == {
        name: re.sub(r"[()]", "", text) for name, text in wanted.items()
    }


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("Model folder", {*ModelCard.model_fields}),
        ("Run folder", {*RunStatus.model_fields, *COLUMNS}),
    ],
)
def test_every_key_of_a_file_is_described(title: str, keys: set[str]) -> None:
    assert keys <= set(re.findall(r"`([^`]+)`", section(read("file-formats"), title)))
