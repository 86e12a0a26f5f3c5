"""How the code is laid out: which way imports run, what the engine pulls in and leaves alone, how long files are."""

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
OWN_PROCESS = ("core/training/", "core/cli/", "core/training/timing.py")  # run as commands, never inside the dashboard


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


def test_files_stay_short() -> None:
    folders = (ROOT / name for name in ("core", "dashboard", "pages", "tests", "benchmarks"))
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in folder.rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
