"""The entry starts from another folder, where neither the root nor its settings are at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENTRY = Path(__file__).parents[2] / "dashboard" / "app.py"
SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=120).run()
print([alert.value for alert in app.error], len(app.exception), sorted(pill.key for pill in app.pills))
"""


def test_starts_from_another_folder_without_it_on_the_path(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(ENTRY)],
        cwd=tmp_path,
        env={**os.environ, "LEUKOLENS_CHECKPOINTS": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "[] 0 ['choice-image', 'choice-models']", result.stderr[-2000:]


def test_settings_are_found_beside_the_entry() -> None:
    beside = ENTRY.parent / ".streamlit" / "config.toml"
    assert beside.resolve() == ENTRY.parents[1] / ".streamlit" / "config.toml"
    assert 'showErrorDetails = "none"' in beside.read_text(encoding="utf-8")
