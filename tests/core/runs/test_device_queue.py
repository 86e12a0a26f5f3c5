"""The line: first come first served, one job a device, and no place for the dead."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.errors import InputError
from core.runs.device_queue import (
    FOLDER,
    QueueTicket,
    claimed_devices,
    jobs_ahead,
    queued_tickets,
    wait_for_devices,
    wait_in_queue,
)
from core.runs.directory import RunDirectory

JOB = """
import sys, time
from pathlib import Path
from core.runs.directory import RunDirectory
from core.runs.device_queue import wait_for_devices
runs, name, devices, seconds = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(","), float(sys.argv[4])
def tell(words):
    print("told", words, flush=True)
with wait_for_devices(runs, devices, name, tell, pause=0.02):
    print("begun", flush=True)
    with (runs / "order").open("a") as order:
        order.write("+" + name + "\\n")
    while seconds < 0 and not (runs / "go").exists():
        time.sleep(0.02)
    time.sleep(max(seconds, 0))
    with (runs / "order").open("a") as order:
        order.write("-" + name + "\\n")
"""


def job(runs: Path, name: str, devices: str = "cpu", seconds: float = 0.1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(runs), name, devices, str(seconds)], stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(count: int, runs: Path) -> None:
    deadline = time.monotonic() + 20
    while len(queued_tickets(runs / FOLDER)) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_jobs_run_one_after_the_other_in_the_order_they_came(tmp_path: Path) -> None:
    jobs = []
    for number, name in enumerate("cab"):
        jobs.append(job(tmp_path, name, seconds=-1 if number == 0 else 0.1))
        until(number + 1, tmp_path)
    assert [line(process) for process in jobs] == [
        "begun",
        "told 1 job before this one",
        "told 2 jobs before this one",
    ]
    (tmp_path / "go").touch()
    assert [process.wait(20) for process in jobs] == [0, 0, 0]
    assert (tmp_path / "order").read_text().split() == ["+c", "-c", "+a", "-a", "+b", "-b"]
    assert queued_tickets(tmp_path / FOLDER) == []


def test_a_killed_job_and_a_killed_waiter_free_their_places(tmp_path: Path) -> None:
    first = job(tmp_path, "first", seconds=60)
    assert line(first) == "begun"
    second = job(tmp_path, "second", seconds=60)
    assert line(second) == "told 1 job before this one"
    third = job(tmp_path, "third")
    assert line(third) == "told 2 jobs before this one"
    second.kill()
    assert line(third) == "told 1 job before this one"
    first.kill()
    assert line(third) == "begun"
    assert third.wait(20) == 0
    assert list((tmp_path / FOLDER).glob("*.ticket")) == []


def test_other_devices_are_other_lines(tmp_path: Path) -> None:
    with (
        wait_for_devices(tmp_path, ["cuda:0"], "a", pytest.fail),
        wait_for_devices(tmp_path, ["cpu"], "b", pytest.fail),
    ):
        assert jobs_ahead(tmp_path / FOLDER, 99, ["cuda:1"]) == 0
        assert jobs_ahead(tmp_path / FOLDER, 99, ["cuda:0", "cuda:1"]) == 1
        assert jobs_ahead(tmp_path / FOLDER, 99, ["cuda:0", "cpu"]) == 2
        assert jobs_ahead(tmp_path / FOLDER, 1, ["cuda:0"]) == 0
        assert queued_tickets(tmp_path / FOLDER) == [QueueTicket(1, "a", ("cuda:0",)), QueueTicket(2, "b", ("cpu",))]


def test_many_at_once_never_overlap(tmp_path: Path) -> None:
    inside: list[int] = []

    def work(number: int) -> None:
        with wait_for_devices(tmp_path, ["cpu"], str(number), lambda _: None, pause=0.005):
            inside.append(number)
            time.sleep(0.01)
            assert inside[-1] == number
            inside.append(-number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(inside) == 16
    assert all(first == -second for first, second in zip(inside[::2], inside[1::2], strict=True))


def test_foreign_files_are_no_tickets_and_unreadable_ones_are_respected(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / "00000001.ticket").write_text("{")  # kept by nobody
    with wait_for_devices(tmp_path, ["cpu"], "a", pytest.fail):
        assert [ticket.run for ticket in queued_tickets(folder)] == ["a"]
        next(folder.glob("*.ticket")).write_text('{"run": "a", "devices": "cpu"}')
        assert queued_tickets(folder)[0].devices is None
        assert jobs_ahead(folder, 99, ["cuda:7"]) == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="LEUKOLENS_RUNS"), wait_for_devices(tmp_path / "file", ["cpu"], "a", print):
        pass


def test_an_exception_inside_frees_the_place(tmp_path: Path) -> None:
    def fail() -> None:
        with wait_for_devices(tmp_path, ["cpu"], "a", print):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["gate"]


def test_a_turn_is_reported_in_the_status(tmp_path: Path) -> None:
    run, told = RunDirectory(tmp_path / "mine"), []
    states: list[tuple[str, str]] = []

    def tell(words: str) -> None:
        told.append(words)
        status = run.status()
        assert status is not None
        states.append((status.state, status.message))
        first.terminate()

    first = job(tmp_path, "first", seconds=60)
    assert line(first) == "begun"
    with wait_in_queue(run, claimed_devices([]), tell, tmp_path):
        assert run.status().state == "preparing"  # type: ignore[union-attr]
    assert told == ["Waiting in line: 1 job before this one."]
    assert states == [("waiting", "1 job before this one")]


def test_gpus_are_claimed_by_the_machines_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert (claimed_devices([]), claimed_devices([0, 1])) == (("cpu",), ("cuda:0", "cuda:1"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5a")
    assert claimed_devices([0, 1]) == ("cuda:3", "cuda:GPU-5a")


def test_what_is_no_ticket_keeps_nobody_waiting(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    (folder / "00000001.ticket").mkdir(parents=True)
    (folder / "99999999.ticket").write_text("left behind")
    with wait_for_devices(tmp_path, ("cpu",), "mine", lambda _: None, pause=0.01):
        assert [ticket.run for ticket in queued_tickets(folder)] == ["mine"]
    assert queued_tickets(folder) == []
