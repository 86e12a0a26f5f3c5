"""`python -m benchmarks classroom`: a whole session, from opening it to its report, with a class of simulated browsers.

The server is a process of its own that has just started, with an empty home. A teacher's browser opens a session on the
page and leads it; every student's browser joins, votes at a random time in both rounds of every cell, and follows. All
of them speak the real websocket protocol. A step's delay is from the teacher's press to the moment at which a student's
browser got the new step. A vote's is from the press to the moment at which the projector got a number that counts it:
the i-th vote of a round is counted where the number is i or more. A vote is lost where it was sent, and is neither in
the database nor was refused with a message. The clients share the machine with the server.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from benchmarks.classroom.client import FAULT, Browser
from benchmarks.fields import processor
from benchmarks.pages import fresh_server, wait_for_server
from core.cli.common import AsJson, emit, reports_bad_input, say
from core.errors import InputError
from core.teaching.ballots import Ballots
from core.teaching.steps import LOBBY, LOOK, ROUNDS, STEP_NAMES, following
from core.teaching.store import FILE, ClassStore

PAGE = "classroom"
STARTING = 180.0  # s for the engine's first answer
FOLLOWING = 60.0  # s for the last phone to follow a step
VOTING = 0.6  # share of a step within which students vote
JOINING = 10.0  # s over which students come
WHERE = re.compile(r"Cell (\d+) of \d+: <strong>([^<]+)</strong>")
VOTED = re.compile(r">(\d+) of \d+ voted<")
STEPS_BY_NAME = {name: step for step, name in STEP_NAMES.items()}
Place = tuple[int, str]  # position, step


@dataclass
class Seen:
    """What one browser saw: when each step first came, its last place, and texts that tell the way."""

    first: dict[Place, float] = field(default_factory=dict)
    counted: list[tuple[Place, int, float]] = field(default_factory=list)
    place: Place = (LOBBY, LOOK)
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    code: str = ""
    joined: bool = False
    over: bool = False

    def hear(self, text: str, moment: float) -> None:
        """Take in a text that the page shows."""
        where, voted = WHERE.search(text), VOTED.search(text)
        if where:
            self.place = (int(where[1]) - 1, STEPS_BY_NAME[where[2]])
            self.first.setdefault(self.place, moment)
        if voted:
            self.counted.append((self.place, int(voted[1]), moment))
        self.refused += "has closed: what you said" in text
        self.joined |= "You are in" in text or bool(where)
        self.over |= "The session has ended" in text or ": report</p>" in text
        code = re.search(r"[?&]class=(\w+)", text)
        self.code = code[1] if code else self.code
        if text == FAULT or "failed unexpectedly" in text:
            self.faults.append(text)


@dataclass
class Usage:
    """The server's peak resident memory, MB, and its processor time, s, of a session."""

    process: psutil.Process
    peak_mb: float = 0.0
    busy: float = 0.0

    async def watch(self) -> None:
        """Look each second."""
        before = _busy(self.process)
        while True:
            self.peak_mb = max(self.peak_mb, self.process.memory_info().rss / 2**20)
            self.busy = _busy(self.process) - before
            await asyncio.sleep(1)


@dataclass
class Lesson:
    """What is measured: the presses of the teacher by the place they lead to, and of students by the place they were
    made in."""

    teacher: Seen
    students: list[Seen]
    steps: dict[Place, float] = field(default_factory=dict)
    votes: dict[Place, list[float]] = field(default_factory=dict)
    unpressed: int = 0

    def step_delays(self) -> list[float]:
        """Seconds from each press to each phone; steps that a phone never saw are not among them."""
        return [one.first[place] - began for place, began in self.steps.items() for one in self.students
                if place in one.first]  # fmt: skip

    def vote_delays(self) -> list[float]:
        """Seconds from each vote to the projector; votes that it never counted are not among them."""
        found = []
        for place, sent in self.votes.items():
            counts = [(count, moment) for where, count, moment in self.teacher.counted if where == place]
            for number, began in enumerate(sorted(sent), 1):
                shown = next((moment for count, moment in counts if count >= number), None)
                found += [] if shown is None else [shown - began]
        return found

    def unseen_steps(self) -> int:
        """How many steps did not reach a phone before the next."""
        return len(self.steps) * len(self.students) - len(self.step_delays())


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _until(wanted: Callable[[], object], limit: float, what: str) -> None:
    """Wait until `wanted` is true; InputError, saying that `what` did not come, after `limit` seconds."""
    began = time.monotonic()
    while not wanted():
        if time.monotonic() - began > limit:
            raise InputError(f"The server was too slow, or stopped: {what} did not come within {limit:.0f} s.")
        await asyncio.sleep(0.05)


async def _student(browser: Browser, seen: Seen, lesson: Lesson, hold: float, number: int) -> None:
    """Join, and vote in each round at a random time, for a random class, until the session is over."""
    random = np.random.default_rng([2026, number])
    await asyncio.sleep(random.uniform(0, JOINING))
    await browser.open()
    await browser.press("class-join")
    done: set[Place] = set()
    while not seen.over and not browser.broken:
        place = seen.place
        if place[1] in ROUNDS and place not in done:
            done.add(place)
            await asyncio.sleep(random.uniform(0, VOTING * hold))
            key = f"class-vote-{place[0]}-{ROUNDS[place[1]]}-{random.integers(5)}"
            if seen.place == place and browser.has(key):
                lesson.votes.setdefault(place, []).append(await browser.press(key))
            else:
                lesson.unpressed += 1
        await asyncio.sleep(0.05)


async def _lead(browser: Browser, lesson: Lesson, cells: int, steps: Sequence[str], hold: float) -> None:
    """Press on, from the lobby to the report, each step `hold` seconds after the last."""
    place: Place | None = following(LOBBY, LOOK, steps, cells)
    while place is not None:
        began = await browser.press("class-next")
        lesson.steps[place] = began
        await _until(lambda wanted=place: wanted in lesson.teacher.first, FOLLOWING, "a step")
        await asyncio.sleep(max(0.0, hold - (time.monotonic() - began)))
        say(f"cell {place[0] + 1} of {cells}, {STEP_NAMES[place[1]]}: {lesson.teacher.first[place] - began:.1f} s")
        place = following(*place, steps, cells)
    await browser.press("class-next")
    await _until(lambda: lesson.teacher.over and all(one.over for one in lesson.students), FOLLOWING, "the end")


async def hold_lesson(url: str, store: ClassStore, clients: int, minutes: float, cells: int) -> Lesson:
    """Open a session on the server at `url`, hold it, and leave."""
    teacher = Seen()
    lesson = Lesson(teacher, [Seen() for _ in range(clients)])
    leading = Browser(url, PAGE, "", teacher.hear)
    await leading.open()
    await _until(lambda: leading.has("class-start"), STARTING, "the page")
    leading.set_slider("class-count", cells)
    await leading.press("class-start")
    await _until(lambda: bool(teacher.code) and leading.has("class-next"), STARTING, "the session")
    steps = store.session(teacher.code).settings.steps
    hold = minutes * 60 / (cells * len(steps))
    browsers = [Browser(url, PAGE, f"class={teacher.code}", one.hear) for one in lesson.students]
    tasks = [
        asyncio.create_task(_student(browser, seen, lesson, hold, number))
        for number, (browser, seen) in enumerate(zip(browsers, lesson.students, strict=True))
    ]
    await _until(lambda: all(one.joined for one in lesson.students), STARTING, "a student")
    say(f"{clients} joined; a step each {hold:.1f} s")
    await _lead(leading, lesson, cells, steps, hold)
    await asyncio.gather(*tasks)
    for browser in (leading, *browsers):
        await browser.close()
    return lesson


async def _measured(url: str, process: int, home: Path, clients: int, minutes: float, cells: int) -> dict[str, Any]:
    usage, store = Usage(psutil.Process(process)), ClassStore(home / FILE)
    watching = asyncio.create_task(usage.watch())
    began, own = time.monotonic(), _busy(psutil.Process())
    lesson = await hold_lesson(url, store, clients, minutes, cells)
    watching.cancel()
    seconds = time.monotonic() - began
    kept = len(Ballots(store).votes(lesson.teacher.code))
    sent, refused = sum(map(len, lesson.votes.values())), sum(one.refused for one in lesson.students)
    return {
        "processor": processor(),
        "load_before": psutil.getloadavg()[0],
        "clients": clients,
        "cells": cells,
        "seconds": round(seconds),
        "vote_to_projector_s": spread(lesson.vote_delays()),
        "step_to_phone_s": spread(lesson.step_delays()),
        "votes_sent": sent,
        "votes_kept": kept,
        "votes_refused": refused,
        "votes_lost": sent - kept - refused,
        "votes_not_reached": lesson.unpressed,
        "steps_not_seen": lesson.unseen_steps(),
        "faults": sum(len(one.faults) for one in (lesson.teacher, *lesson.students)),
        "server_peak_mb": round(usage.peak_mb),
        "server_cores": round(usage.busy / seconds, 2),
        "clients_cores": round((_busy(psutil.Process()) - own) / seconds, 2),
    }


def spread(delays: Sequence[float]) -> dict[str, float] | None:
    """Median, 95th percentile and the longest of delays, s; None for none."""
    if not delays:
        return None
    return {name: round(float(np.percentile(delays, at)), 2) for name, at in (("p50", 50), ("p95", 95), ("max", 100))}


@reports_bad_input
def classroom(
    clients: Annotated[int, typer.Option(help="Students.", min=1, max=140)] = 60,
    minutes: Annotated[float, typer.Option(help="How long the cells take together.", min=0.1, max=120)] = 5,
    cells: Annotated[int, typer.Option(help="Cells of the session.", min=1, max=60)] = 10,
    as_json: AsJson = False,
) -> None:
    """Hold a session with simulated students on a fresh server; print delays, lost votes, memory and processor time."""
    load = psutil.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, fresh_server(LEUKOLENS_HOME=folder) as (url, process):
        wait_for_server(url)
        figures = asyncio.run(_measured(url, process, Path(folder), clients, minutes, cells))
    figures["load_before"] = round(load, 1)
    emit(figures, [f"{name:20} {value}" for name, value in figures.items()], as_json)
    if figures["votes_lost"]:
        raise typer.Exit(1)
