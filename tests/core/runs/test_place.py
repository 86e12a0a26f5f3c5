"""Names of runs: nothing that leads out of the folder, nothing that is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.runs.directory import checked_name, default_runs, existing_run, free_name, new_run

BAD = ("", ".", "..", ".line", "../x", "a/b", "a\\b", "/etc", "a\n", "a b", "-x", "é", "x" * 65, "a\0", "run.partial")


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    for take in (checked_name, lambda text: new_run(tmp_path, text), lambda text: existing_run(tmp_path, text)):
        with pytest.raises(InputError, match="letters"):
            take(name)


def test_a_taken_name_comes_with_a_free_one(tmp_path: Path) -> None:
    for name in ("mine", "mine-2"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="“mine-3” is free"):
        new_run(tmp_path, "mine")
    assert new_run(tmp_path, "mine-3") == tmp_path / "mine-3"
    assert not (tmp_path / "mine-3").exists()
    assert free_name(tmp_path, "  ../Größe 1 ") == checked_name(free_name(tmp_path, "  ../Größe 1 "))


def test_a_link_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(InputError, match="no run"):
        existing_run(tmp_path, "link")
    with pytest.raises(InputError, match="already"):
        new_run(tmp_path, "link")


def test_runs_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path))
    assert default_runs() == tmp_path.resolve()
    monkeypatch.delenv("LEUKOLENS_RUNS")
    assert default_runs().name == "runs"
