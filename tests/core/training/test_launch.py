"""Trainings as processes of their own: begun, cancelled, killed, gone on with; and no other process is ever hit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError
from core.runs.directory import RunDirectory
from core.runs.listing import list_runs
from core.runs.process import has_open, runs_still, send, works_in
from core.runs.spawn import NICENESS, cancel
from core.training.launch import LaunchSpec, checked_spec, read_spec, resume_run, start_run
from core.training.recipe import read_recipe, recipe_text, shipped_recipes
from tests.support.stand_in_runs import RECIPE, until, use_toys

ORDER = checked_spec("/some/cells", "auto")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for entry in list_runs(tmp_path).runs:
        if entry.going_on:
            cancel(RunDirectory(tmp_path / entry.name), grace=0.1)


def begun(runs: Path, monkeypatch: pytest.MonkeyPatch, mode: str = "wait") -> RunDirectory:
    use_toys(monkeypatch, mode)
    run = start_run(runs, "mine", RECIPE, ORDER)
    if mode in ("wait", "stubborn"):
        until(lambda: run.state() == "training")
    return run


def test_a_run_is_a_process_of_its_own_beside_its_order(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch)
    holder = run.holder()
    assert holder is not None
    assert os.getsid(holder) == holder != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, holder) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    assert read_spec(run.path) == ORDER
    assert read_recipe(str(run.path / "order.toml")) == RECIPE


def test_a_run_that_has_only_been_started_is_waiting_and_can_be_cancelled(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(runs, monkeypatch, "slow start")
    assert (run.state(), run.alive()) == ("waiting", False)
    status = run.status()
    assert status is not None
    until(lambda: works_in(status.pid, run.path))
    cancel(run, grace=10)
    assert run.state() == "cancelled"
    assert not runs_still(status.pid)


def test_cancelled_and_resumed_and_done(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch)
    cancel(run, grace=10)
    status = run.status()
    assert status is not None
    assert (run.state(), status.message) == ("cancelled", "Cancelled.")
    assert "Resume" in str(status.next_step)
    with pytest.raises(InputError, match="nothing to cancel"):
        cancel(run)
    use_toys(monkeypatch, "finish")
    resume_run(run)
    until(lambda: run.state() == "done")
    status = run.status()
    assert status is not None
    assert (status.message, status.next_step) == ("resumed", None)
    with pytest.raises(InputError, match="done"):
        resume_run(run)


def test_one_that_does_not_listen_is_killed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch, "stubborn")
    pid = run.holder()
    cancel(run, grace=0.2)
    assert pid is not None
    assert not runs_still(pid)
    assert run.state() == "cancelled"


def test_killed_from_outside_is_interrupted_and_can_be_resumed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch)
    with pytest.raises(InputError, match="goes on already"):
        resume_run(run)
    os.kill(run.holder() or 0, signal.SIGKILL)
    until(lambda: run.state() == "interrupted")
    use_toys(monkeypatch, "finish")
    resume_run(run)
    until(lambda: run.state() == "done")


def test_one_that_refuses_leaves_its_reason(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch, "refuse")
    until(lambda: run.state() == "failed")
    status = run.status()
    assert status is not None
    assert status.error == "Something about the data is wrong."
    assert status.next_step


def test_a_taken_name_is_refused_and_nothing_is_touched(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, monkeypatch)
    with pytest.raises(InputError, match="“mine-2” is free"):
        start_run(runs, "mine", RECIPE, ORDER)
    assert run.state() == "training"


def test_a_status_that_names_a_strangers_process_ends_nothing(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        run = RunDirectory(tmp_path / "run")
        run.report(state="waiting", pid=stranger.pid)
        with pytest.raises(InputError, match="nothing to cancel"):
            cancel(run, grace=0.1)
        with run.hold():  # held by us, but the lock's text names the stranger
            (run.path / "run.lock").write_text(f"{stranger.pid}\n")
            with pytest.raises(InputError, match="nothing to cancel"):
                cancel(run, grace=0.1)
        assert stranger.poll() is None
        assert not send(os.getpid(), signal.SIGTERM, lambda: True)
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_process_does_is_seen_until_it_ends(tmp_path: Path) -> None:
    lock, link = tmp_path / "lock", tmp_path / "link"
    lock.touch()
    link.symlink_to(lock)
    script = "import sys, time; kept = open(sys.argv[1], 'r+'); print('open', flush=True); time.sleep(60)"
    words = [sys.executable, "-c", script, str(lock), "train", "--run", str(tmp_path / "a\udcff b")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert runs_still(process.pid)
        assert has_open(process.pid, lock) and has_open(process.pid, link)
        assert not has_open(process.pid, tmp_path) and not has_open(process.pid, tmp_path / "none")
        assert works_in(process.pid, tmp_path / "a\udcff b") and not works_in(process.pid, tmp_path / "a")
        assert not send(process.pid, signal.SIGKILL, lambda: False)
        assert send(process.pid, signal.SIGKILL, lambda: True)
        until(lambda: not runs_still(process.pid))  # it has ended, and is not collected yet
        assert process.returncode is None
        assert not has_open(process.pid, lock) and not works_in(process.pid, tmp_path / "a\udcff b")
    assert process.returncode == -signal.SIGKILL
    assert not runs_still(process.pid) and not send(process.pid, signal.SIGTERM, lambda: False)
    assert not any(runs_still(number) for number in (-1, 0, 2**31, 2**40))


def test_one_that_ends_while_it_is_looked_at_was_not_another(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def ends() -> bool:
        process.kill()
        process.wait()
        return True

    assert send(process.pid, signal.SIGTERM, ends)  # nothing runs any more


HOSTILE = (
    "",
    "[]",
    '{"data": "relative"}',
    '{"data": "/x", "dataset": "--run"}',
    '{"data": "/x", "dataset": "a\\n"}',
    '{"data": "/x", "command": ["rm"]}',
    '{"data": "/x\\u0000"}',
    '{"data": "/x", "gpus": [-1]}',
    "[" * 50_000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_order_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "command.json").write_text(text)
    with pytest.raises(InputError, match="command line"):
        resume_run(RunDirectory(tmp_path))


def test_the_command_is_put_together_from_fields() -> None:
    words = LaunchSpec(data="/a b", gpus=(2, 3)).command(Path("/runs/x"), resume=True)
    assert words[:5] == [sys.executable, "-m", "core", "train", "/runs/x/order.toml"]
    assert words[words.index("--data") + 1] == "/a b"
    assert words[words.index("--devices") + 1] == "2"
    assert words[-1] == "--resume"
    assert (LaunchSpec(data="/a").shown_gpus(), LaunchSpec(data="/a", gpus=(2, 3)).shown_gpus()) == ("", "2,3")


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_written_as_toml_reads_the_same(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    (tmp_path / "r.toml").write_text(recipe_text(recipe.model_dump(mode="json")))
    assert read_recipe(str(tmp_path / "r.toml")) == recipe


def test_awkward_values_survive_toml() -> None:
    document = {
        "a": 'quote " back \\ line\n tab\t del\x7f 😀',
        "key with space": {"b": [1, 2.5, "x"], "c": [], "d": True},
        "e": [{"f": 1e-7, "g": {"h": -3}}, {"f": 1e300}],
    }
    assert tomllib.loads(recipe_text(document)) == document
    assert recipe_text({"a": None}).strip() == ""


def test_runs_are_listed_newest_first_and_bounded(tmp_path: Path) -> None:
    for number in range(5):
        RunDirectory(tmp_path / f"run-{number}").report(state="done", started=1000.0 + number)
        os.utime(tmp_path / f"run-{number}" / "status.json", (2000 + number, 2000 + number))
    (tmp_path / "run-2" / "status.json").write_text("{")
    (tmp_path / "not a run").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run-1")
    found = list_runs(tmp_path, most=4)
    assert [entry.name for entry in found.runs if not entry.problem] == ["run-4", "run-3", "run-1"]
    assert [entry.name for entry in found.runs if entry.problem] == ["run-2"]
    assert found.notes == ("1 older run is not shown.",)
    assert list_runs(tmp_path / "none").runs == ()
    assert "cannot be read" in list_runs(tmp_path / "run-1" / "status.json").notes[0]
