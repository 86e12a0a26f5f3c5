"""How the code is laid out: which way imports run, what the engine pulls in, how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "core": {"dashboard", "pages", "streamlit", "tests"},
    "dashboard": {"pages", "tests"},
    "pages": {"pages", "tests", "torch", "numpy"},
}
LONGEST_FILE = 300


def imported(source: str) -> set[str]:
    """Top-level names of all modules that `source` imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def test_imports_are_seen_wherever_they_stand() -> None:
    source = "import os.path\ndef f():\n    from streamlit.runtime import x\nif True:\n    import a.b as c, d\n"
    assert imported(source) == {"os", "streamlit", "a", "d"}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_run_one_way(folder: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in (ROOT / folder).rglob("*.py")
        if (found := imported(path.read_text(encoding="utf-8")) & FORBIDDEN[folder])
    }
    assert wrong == {}


def test_engine_pulls_in_no_streamlit() -> None:
    script = (
        "import importlib, pkgutil, sys\n"
        "import core\n"
        "names = [module.name for module in pkgutil.walk_packages(core.__path__, 'core.')]\n"
        "names = [name for name in names if not name.endswith('__main__')]\n"
        "for name in names:\n"
        "    importlib.import_module(name)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(len(names), sorted(loaded & {'streamlit', 'dashboard', 'pages'}))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    count, _, pulled_in = result.stdout.strip().splitlines()[-1].partition(" ")
    assert int(count) > 10
    assert pulled_in == "[]"


def test_files_stay_short() -> None:
    folders = (ROOT / name for name in ("core", "dashboard", "pages", "tests", "benchmarks"))
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in folder.rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
