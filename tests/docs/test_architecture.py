"""The walks drawn in the architecture page are those of the code: files and functions exist, and each step leads on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\| (\d+) \| `([^`]+)` \| `([^`]+)` \| (.+) \|$", re.MULTILINE)
MOST = 25
# Steps that no import leads to: who gets there, and the words of the page that say so.
BY_OTHER_WAYS = {
    "pages/explain.py": "is run by `app.py`",
    "core/cli/train.py": "is started by `launch.py` as `python -m core train`",
    "core/explanation/methods/cam.py": "is called by the queue",
    "dashboard/train/run.py": "watches the run's folder",
}


def walk(title: str) -> list[tuple[str, str, str]]:
    """(file, function, what happens there) of each step under a heading."""
    part = PAGE.partition(f"## Walk: {title}")[2].partition("\n## ")[0]
    steps = STEP.findall(part)
    assert [int(number) for number, *_ in steps] == list(range(1, len(steps) + 1))
    return [(file, name, told) for _, file, name, told in steps]


WALKS = {title: walk(title) for title in ("an upload becomes a Grad-CAM", "a training started on the page")}


def imported_files(file: str) -> set[str]:
    """Files of the repository that a file imports, wherever in it, and those that stand in the same package."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found |= {f"{name.replace('.', '/')}.py" for name in names}
            found |= {f"{name.replace('.', '/')}/__init__.py" for name in names}
    return {name for name in found if (ROOT / name).is_file()}


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_is_short_and_passes_no_file_twice(title: str) -> None:
    files = [file for file, *_ in WALKS[title]]
    assert 10 < len(files) <= MOST and len(set(files)) == len(files)


@pytest.mark.parametrize("step", [step for steps in WALKS.values() for step in steps], ids=lambda step: step[0])
def test_every_function_of_a_walk_is_defined_or_called_in_its_file(step: tuple[str, str, str]) -> None:
    file, name, _ = step
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert name in (defined or called)


@pytest.mark.parametrize("title", WALKS)
def test_every_step_is_reached_from_an_earlier_one(title: str) -> None:
    passed: set[str] = set()
    for number, (file, _, told) in enumerate(WALKS[title]):
        by_import = any(file in imported_files(earlier) for earlier in passed)
        # A package's own file may be reached through the package, which names it.
        packages = {name for earlier in passed for name in imported_files(earlier) if name.endswith("__init__.py")}
        by_package = any(file in imported_files(package) for package in packages)
        if file in BY_OTHER_WAYS:
            assert BY_OTHER_WAYS[file] in told and not by_import
        else:
            assert number == 0 or by_import or by_package, file
        passed.add(file)
