"""A reference at work in its own process: its answer, its end by whatever way, and the line of those that wait."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.reference import process as process_module
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import Question
from core.explanation.reference.queue import ReferenceLine
from core.explanation.reference.verification import Verification
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.runs.process import runs_still
from core.simulation import draw_cell
from tests.support.tiny_models import make_model
from tests.support.toy_networks import random_network, toy

PATIENCE = 120.0
SLEEPER = "import sys, time; time.sleep(600)"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "islam_cnn", 4)
    return load_classifier(root / "islam_cnn")


@pytest.fixture(scope="module")
def question(classifier: Classifier) -> Question:
    context = ImageContext(draw_cell("neutrophil", 3, size=120).image)
    return Question.about(classifier, context, explain(classifier, context, ["layercam"])["layercam"], ["monocyte"])


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Children that do nothing for ten minutes, quick to start."""
    stand_in(monkeypatch, SLEEPER)
    yield
    gc.collect()


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def spawn(place: Path) -> subprocess.Popen[bytes]:
        with (place / process_module.STDERR).open("wb") as errors:
            return subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stderr=errors)

    monkeypatch.setattr(process_module, "_spawn", spawn)


def until(what: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def test_the_map_comes_from_another_process_on_one_thread(classifier: Classifier, question: Question) -> None:
    process = ReferenceProcess(question)
    assert process.state == "waiting" and process.elapsed == 0
    process.start()
    assert process.pid != os.getpid() and runs_still(process.pid)
    until(lambda: process.poll() != "running")
    assert process.state == "done", process.fault
    context = ImageContext(question.rgb)
    explanation = explain(classifier, context, ["layercam"])["layercam"]
    result = Verification.of(explanation, process, 0.5)
    assert [check.agrees for check in result.checks] == [True] and result.checks[0].largest_value > 0.5
    assert "monocyte: agrees with pytorch-grad-cam" in result.lines[0] and result.documents()[0]["our_seconds"] == 0.5
    assert not runs_still(process.pid) and not process._place.exists()
    wrong = replace(explanation, native=explanation.native[::-1].copy(), values=explanation.values[::-1].copy())
    assert Verification.of(wrong, process).differing


def test_a_question_survives_being_written(question: Question, tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random(question.rgb.shape[:2]) < 0.5
    regions = mask.astype(np.int32) + 3
    replace(question, mask=mask, regions=regions).write(tmp_path)
    back = Question.read(tmp_path)
    assert np.array_equal(back.rgb, question.rgb) and back.mask is not None and np.array_equal(back.mask, mask)
    assert back.regions is not None and np.array_equal(back.regions, regions)
    for name in ("folder", "weights_sha256", "method", "labels", "settings", "seed", "evaluations"):
        assert getattr(back, name) == getattr(question, name)


def test_weights_that_were_changed_are_refused(question: Question) -> None:
    process = ReferenceProcess(replace(question, weights_sha256="1" * 64))
    process.start()
    until(lambda: process.poll() != "running")
    assert process.state == "failed" and process.refused and "changed" in process.fault


def test_a_model_without_a_folder_is_refused(classifier: Classifier, question: Question) -> None:
    context, other = ImageContext(question.rgb), toy(random_network(), 48)
    with pytest.raises(InputError, match="model folder"):
        Question.about(other, context, explain(classifier, context, ["layercam"])["layercam"], ["a"])


@pytest.mark.usefixtures("sleeping")
def test_stopping_kills_the_child_and_leaves_nothing(question: Question) -> None:
    process = ReferenceProcess(question)
    process.start()
    assert runs_still(process.pid) and process._place.is_dir()
    process.stop()
    assert process.state == "stopped" and not runs_still(process.pid) and not process._place.exists()
    process.start()
    assert process.state == "stopped"


@pytest.mark.usefixtures("sleeping")
def test_who_drops_it_or_waits_too_long_ends_it(question: Question) -> None:
    dropped = ReferenceProcess(question)
    dropped.start()
    pid = dropped.pid
    del dropped
    gc.collect()
    until(lambda: not runs_still(pid), 10)
    late = ReferenceProcess(question, limit=0.1)
    late.start()
    time.sleep(0.2)
    assert late.poll() == "failed" and "0 s without a result" in late.fault and not runs_still(late.pid)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise MemoryError('no room for it')", "code 1 .*no room for it"),
        ("import os; os.kill(os.getpid(), 9)", "was killed .*memory"),
        ("import sys; open(sys.argv[1] + '/answer.json', 'w').write('{')", "code 0"),
        ("import sys; open(sys.argv[1] + '/answer.json', 'w').write('{\"seconds\": 1}')", "code 0"),
    ],
)
def test_a_child_that_breaks_off_is_told(
    question: Question, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    stand_in(monkeypatch, code)
    process = ReferenceProcess(question)
    process.start()
    until(lambda: process.poll() != "running")
    assert process.state == "failed" and not process.refused and process.answer is None
    assert re.search(words, process.fault), process.fault


OWNER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored by what runs in the background
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import Question
process = ReferenceProcess(Question.read(Path(sys.argv[1])))
process.start()
print(process.pid, process._place, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_owner(question: Question, tmp_path: Path, how: signal.Signals) -> None:
    """Whose weights file it waits for is a pipe that nobody writes to: it would wait for ever."""
    replace(question, folder=endless(tmp_path / "model", question.folder)).write(tmp_path)
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert owner.stdout is not None
    pid, place = owner.stdout.readline().split()
    assert runs_still(int(pid))
    owner.send_signal(how)
    owner.wait()
    until(lambda: not runs_still(int(pid)), 60)
    until(lambda: not Path(place).exists(), 10)


def endless(folder: Path, of: Path) -> Path:
    folder.mkdir()
    (folder / "card.json").write_bytes((of / "card.json").read_bytes())
    os.mkfifo(folder / "model.safetensors")
    return folder


@pytest.mark.usefixtures("sleeping")
def test_one_runs_and_the_others_wait_their_turn(question: Question) -> None:
    line = ReferenceLine(most=1)
    first, second, third = (ReferenceProcess(question) for _ in range(3))
    for each in (first, second, third):
        line.join(each)
    assert [line.look(each) for each in (first, second, third)] == [0, 1, 2]
    assert [each.state for each in (first, second, third)] == ["running", "waiting", "waiting"]
    second.stop()
    assert line.look(third) == 1
    first.stop()
    until(lambda: third.state == "running", 10)  # nobody needs to look for that
    line.close()
    assert third.state == "stopped" and not runs_still(third.pid) and second.pid == 0


@pytest.mark.usefixtures("sleeping")
def test_what_nobody_looks_at_is_stopped(question: Question) -> None:
    line = ReferenceLine(most=1, lease=1.0)
    left, wanted = ReferenceProcess(question), ReferenceProcess(question)
    line.join(left)
    line.join(wanted)
    until(lambda: (line.look(wanted), wanted.state)[1] == "running", 15)
    assert left.state == "stopped" and not runs_still(left.pid)
    line.close()
