"""How the code is laid out: which way imports run, what the engine pulls in and leaves alone, how long files are, and
that a name means one thing."""

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
# Inside `core`, imports run downwards only; what stands beside the packages is at the bottom.
CORE = (
    "cli",
    "library",
    "reproduction",
    "conversion",
    "training",
    "audit",
    "teaching",
    "adaptation",
    "fields",
    "laboratory",
    "practice",
    "lessons",
    "evaluation",
    "runs",
    "explanation",
    "leaks",
    "data",
    "models",
    "preprocessing",
    "simulation",
    "decoding",
    "settings",
    "database",
    "files",
    "classes",
    "errors",
)
# Inside `dashboard`, a page's folder takes from `ui` and from what stands at the top, and from no other page's folder.
PAGES = (
    "compare",
    "preprocess",
    "explain",
    "evaluate",
    "train",
    "fit",
    "audit",
    "practice",
    "lessons",
    "laboratory",
    "classroom",
    "fields",
)
ACROSS_PAGES = {
    "dashboard/toolbar.py": {"explain"},  # "Forget" drops an upload's maps, masks and scores too
    "dashboard/live.py": {
        "audit",
        "compare",
        "evaluate",
        "explain",
        "lessons",
        "preprocess",
    },  # what Practice and Lessons show of other pages
}
SHORTEST_FILE, LONGEST_FILE = 60, 450
SHORT = {
    "benchmarks/__main__.py": "chooses the benchmark",
    "benchmarks/generated.py": "writes between marks in a page, for two benchmarks",
    "benchmarks/reproduction.py": "one file a benchmark",
    "core/__main__.py": "starts the command line",
    "core/cli/app.py": "all commands at once",
    "core/cli/train_finder.py": "one command",
    "core/cli/train_shortcut.py": "one command",
    "core/decoding/colours.py": "the one place of colour profiles",
    "core/errors.py": "the one error, at the bottom",
    "core/explanation/methods/registry.py": "a registry: one line a method",
    "core/explanation/quality/control_maps.py": "the maps that know nothing",
    "core/explanation/reference/__main__.py": "starts the reference's process before anything slow is imported",
    "core/fields/classify.py": "what stands between a find and a count",
    "dashboard/consensus.py": "shown by three pages",
    "dashboard/share.py": "the link and its code",
    "dashboard/ui/glossary.py": "the words that pages explain",
}
SAME_NAME = {
    "explain": "the engine's function, the library's, and the command called `explain`",
    "predict": "the library's function, and the command called `predict`",
    "preprocess": "the library's function, and the command called `preprocess`",
}
# What changes modules, or all threads of the process: traces, hooks, global generators, switches.
SHARED = """
    torch.fx torch.jit torch.compile torch._dynamo torch.export symbolic_trace backward mock.patch register_hook
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_backward_hook register_module_forward_hook register_module_forward_pre_hook
    register_module_full_backward_hook torch.manual_seed torch.seed random.seed np.random.seed np.random.set_state
    np.random.rand np.random.randn np.random.randint np.random.permutation np.random.shuffle np.random.choice
    torch.set_num_threads torch.set_num_interop_threads cv2.setNumThreads cv2.setRNGSeed torch.set_default_dtype
    torch.set_default_device set_grad_enabled torch.use_deterministic_algorithms torch.set_float32_matmul_precision
    torch.backends threadpool_limits warnings.filterwarnings warnings.simplefilter warnings.catch_warnings np.seterr
    os.chdir os.putenv os.umask locale.setlocale MAX_IMAGE_PIXELS LOAD_TRUNCATED_IMAGES signal.signal
"""
OWN_PROCESS = (
    "core/training/",
    "core/cli/",
    "core/conversion/",
    "core/explanation/reference/child.py",
)  # run as commands, never inside the dashboard


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


def modules(source: str) -> set[str]:
    """Dotted names of all modules that `source` imports, wherever in it; `from a import b` may mean `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def upward(package: str, source: str) -> set[str]:
    """The parts of `core` above `package` that a file of it imports."""
    taken = {name.split(".")[1] for name in modules(source) if name.startswith("core.")} & set(CORE)
    return {name for name in taken if CORE.index(name) < CORE.index(package)}


def test_a_step_upwards_is_seen() -> None:
    source = "from core.training.fit import fit\ndef f():\n    from core import cli\nimport core.files\n"
    assert upward("runs", source) == {"training", "cli"} and upward("cli", source) == set()


def test_packages_of_the_engine_import_downwards() -> None:
    files = {path: path.relative_to(ROOT / "core").parts[0].removesuffix(".py") for path in python_files("core")}
    files = {path: name for path, name in files.items() if not name.startswith("__")}
    assert set(files.values()) == set(CORE)
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path, name in files.items()
        if (found := upward(name, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def other_pages(own: str, source: str) -> set[str]:
    """The folders of other pages that a file of the folder `own` ("" for the top) imports."""
    taken = {name.split(".")[1] for name in modules(source) if name.startswith("dashboard.")}
    return (taken & set(PAGES)) - {own} if own != "ui" else taken - {"ui"}


def test_a_page_that_takes_from_another_is_seen() -> None:
    source = "from dashboard.train import form\nfrom dashboard import explain, state\nfrom dashboard.ui import html\n"
    assert other_pages("train", source) == {"explain"} and other_pages("ui", source) == {"train", "explain", "state"}


def test_pages_take_from_what_they_share_alone() -> None:
    found = {}
    for path in python_files("dashboard"):
        parts = path.relative_to(ROOT / "dashboard").parts
        taken = other_pages(parts[0] if len(parts) > 1 else "", path.read_text(encoding="utf-8"))
        if taken:
            found[str(path.relative_to(ROOT))] = taken
    assert found == ACROSS_PAGES


def test_engine_pulls_in_neither_streamlit_nor_slow_references() -> None:
    script = (
        "import importlib, pkgutil, sys\n"
        "import core\n"
        "names = [module.name for module in pkgutil.walk_packages(core.__path__, 'core.')]\n"
        "names = [name for name in names if not name.endswith('__main__')]\n"
        "for name in names:\n"
        "    importlib.import_module(name)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(len(names), sorted(loaded & {'streamlit', 'dashboard', 'pages', 'shap', 'numba', 'captum'}))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    count, _, pulled_in = result.stdout.strip().splitlines()[-1].partition(" ")
    assert int(count) > 10
    assert pulled_in == "[]"


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute or a name; what is no name is a question mark."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def shared_names(source: str) -> set[str]:
    """The names of SHARED that `source` uses or imports; comments and strings do not count."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            used.add(dotted(node))
        elif isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in SHARED.split() if any(f".{name}." in f".{found}." for found in used)}


def test_shared_state_is_seen_wherever_it_is_named() -> None:
    source = (
        "from torch.fx.experimental.optimization import fuse\nimport torch\nlayer.conv[0].register_forward_hook(f)\n"
        "def f():\n    from warnings import simplefilter\n    torch.manual_seed(0)\n    Image.MAX_IMAGE_PIXELS = None\n"
        "torch.Generator().manual_seed(0)  # os.chdir\n"
    )
    expected = {"torch.fx", "register_forward_hook", "warnings.simplefilter", "torch.manual_seed", "MAX_IMAGE_PIXELS"}
    assert shared_names(source) == expected


def test_nothing_changes_what_other_threads_use() -> None:
    paths = {str(path.relative_to(ROOT)): path for folder in FORBIDDEN for path in (ROOT / folder).rglob("*.py")}
    wrong = {
        name: found
        for name, path in paths.items()
        if not name.startswith(OWN_PROCESS) and (found := shared_names(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_an_explanation_patches_no_module(tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from torch import nn\n"
        "from core.models.checkpoints import load_classifier\n"
        "from core.explanation.engine import explain\n"
        "from core.simulation import draw_cell\n"
        "from tests.support.tiny_models import make_model\n"
        "make_model(Path(sys.argv[1]), 'toy')\n"
        "picture = draw_cell('monocyte', 1).image\n"
        "seen = lambda: (nn.Module.__call__, nn.Module.__getattr__, nn.Module.__setattr__)\n"
        "first, others, done = seen(), set(), threading.Event()\n"
        "def watch():\n"
        "    while not done.is_set():\n"
        "        others.add(seen())\n"
        "sys.setswitchinterval(1e-5)\n"
        "watcher = threading.Thread(target=watch)\n"
        "watcher.start()\n"
        "toy, little = load_classifier(Path(sys.argv[1], 'toy')), {'rise': {'samples': 64}}\n"
        "found = explain(toy, picture, ['rise'], None, little)\n"
        "done.set()\n"
        "watcher.join()\n"
        "print(list(found), others | {seen()} == {first}, 'torch.fx.experimental.optimization' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "['rise'] True False"


def python_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > len(folders)
    return found


def test_files_are_neither_long_nor_short() -> None:
    """A file is a topic. `__init__` is a sentence, and a page's script and a test are as short as they can be."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files("core", "dashboard", "pages", "tests", "benchmarks")
    }
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
    judged = ("core/", "dashboard/", "benchmarks/")
    short = {
        path
        for path, length in lengths.items()
        if length < SHORTEST_FILE and path.startswith(judged) and not path.endswith("__init__.py")
    }
    assert short == set(SHORT)


def public_names(source: str) -> set[str]:
    """Functions and classes that `source` defines for others."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds) and not node.name.startswith("_")}


def test_public_names_are_seen() -> None:
    source = "def f(): ...\nclass C:\n    def m(self): ...\ndef _g(): ...\nasync def h(): ...\nX = 1\n"
    assert public_names(source) == {"f", "C", "h"}


def test_a_public_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for path in python_files("core", "dashboard"):
        for name in public_names(path.read_text(encoding="utf-8")):
            places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name for name, found in places.items() if len(found) > 1} == set(SAME_NAME), places


def test_every_file_says_what_it_is() -> None:
    told = {
        str(path.relative_to(ROOT)): ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for path in python_files("core", "dashboard", "pages", "tests", "benchmarks")
    }
    first = {path: text.partition("\n\n")[0] for path, text in told.items()}
    assert [path for path, text in first.items() if len(text) < 10 or "TODO" in text or text[-1] not in ".:`"] == []


def taken_from_tests(source: str) -> set[str]:
    """What a test imports from other tests and not from `tests.support`."""
    return {name for name in modules(source) if name.startswith("tests.") and not name.startswith("tests.support")}


def test_a_test_that_imports_a_test_is_seen() -> None:
    source = "from tests.core.test_a import b\nfrom tests.support.images import c\nfrom tests import conftest\n"
    assert taken_from_tests(source) == {"tests.core.test_a", "tests.core.test_a.b", "tests.conftest"}


def test_no_test_imports_another() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in python_files("tests")
        if (found := taken_from_tests(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_tests_stand_where_what_they_test_stands() -> None:
    """A test's folder is one of the code's, or holds tests that cross it."""
    crossing = {"browser", "compatibility", "docs", "fixtures", "support"}
    folders = {path.parent.relative_to(ROOT / "tests") for path in python_files("tests")}
    missing = [str(folder) for folder in folders if folder.parts and folder.parts[0] not in crossing]
    assert [folder for folder in missing if not (ROOT / folder).is_dir()] == []
