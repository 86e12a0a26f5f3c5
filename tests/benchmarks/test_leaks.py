"""`python -m benchmarks leaks` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app


@pytest.mark.parametrize(("options", "message"), [([], "does not exist"), (["--half", "both"], "both")])
def test_bad_input_is_told(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["leaks", "--data", str(tmp_path), *options])
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr
