"""The Audit page: findings of the models' kept answers, decisions and remarks, and the report that takes them along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.audit.exports import write_report
from core.audit.findings import AuditPanel, AuditPicture, Remark, StepResult
from core.audit.journal import Journal
from core.audit.launch import audits_folder
from core.audit.report import html_report
from core.audit.run import AuditOrder, run_audit
from core.classes import CLASSES
from core.runs.directory import RunDirectory
from dashboard.audit.gallery import disagreements
from dashboard.audit.remarks import journal_mark, standing_mark, with_remarks
from tests.support.datasets import cell
from tests.support.reading import Start, alerts, assert_sound, go, html, shown
from tests.support.tiny_models import make_model

NAMES = ("resnet50", "vgg19")


def keep_answers(folder: Path, seed: int) -> None:
    """Made-up answers, four of five right."""
    random = np.random.default_rng(seed)
    labels = np.arange(100) % 5
    answers = np.where(np.arange(100) % 5 == seed, (labels + 1) % 5, labels)
    logits = 4 * np.eye(5)[answers] + random.normal(0, 0.1, (100, 5))
    table = {"image": [f"cells/{number}.png" for number in range(100)], "label": [CLASSES[k] for k in labels]}
    table |= {"predicted": [CLASSES[k] for k in logits.argmax(axis=1)], "novelty": np.ones(100)}
    table |= {f"logit_{name}": logits[:, k] for k, name in enumerate(CLASSES)}
    pd.DataFrame(table).to_parquet(folder / "predictions.parquet", index=False)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        make_model(tmp_path / "models", name, seed)
        keep_answers(tmp_path / "models" / name, seed)
    return tmp_path / "models"


def said(app: AppTest, mark: str, kind: str):
    found = app.text_input if kind == "remark" else app.segmented_control
    return next(one for one in found if mark in str(one.key) and kind in str(one.key))


def test_each_step_is_shown_with_its_findings(start: Start, models: Path) -> None:
    app = start("audit", root=models)
    assert_sound(app)
    assert [tab.label for tab in app.tabs][:3] == ["Intended use", "Data", "Performance"]
    told = shown(app).replace("\\", "")
    assert "80.0 % of 100 images are named right" in told and "ResNet-50: Accuracy" in told
    assert "MobileNet-V3-Small keeps no answers" in told


def test_a_decision_and_a_remark_are_kept_and_go_into_the_report(start: Start, models: Path) -> None:
    app = start("audit", root=models)
    app = said(app, "performance/resnet50/accuracy", "decide").set_value("flagged").run()
    app = said(app, "performance/resnet50/accuracy", "remark").set_value("<b>look</b> again").run()
    assert_sound(app)
    assert "1 of" in html(app) and "findings have a decision or a remark" in html(app)
    app = go(go(app, "train"), "audit")
    assert said(app, "performance/resnet50/accuracy", "decide").value == "flagged"
    assert said(app, "performance/resnet50/accuracy", "remark").value == "<b>look</b> again"


def test_remarks_of_one_report_are_not_anothers(models: Path, tmp_path: Path) -> None:
    """What was said of one version of a model does not go over to the next."""
    report = run_audit(AuditOrder((models / "resnet50",), models), lambda line: None)
    finding = next(one for one in report.findings if one.mark == "performance/resnet50/accuracy")
    journal = Journal(tmp_path / "audits.db")
    said = Remark(mark=journal_mark(report, finding), decision="flagged", words="<b>look</b>", who="A. Auditor")
    journal.say("walk", said, 0)
    whole = with_remarks(report, journal.said("walk"))
    page = html_report(whole)
    assert "A. Auditor" in page and "<em>flagged</em>: &lt;b&gt;look&lt;/b&gt;" in page and "accepted" not in page
    facts = tuple(model.model_copy(update={"weights_sha256": "f" * 64}) for model in report.models)
    assert not with_remarks(report.model_copy(update={"models": facts}), journal.said("walk")).remarks


def test_a_report_that_changed_is_not_released_any_more(models: Path, tmp_path: Path) -> None:
    """The standing, and a decision, hold for what was found, and not for other figures of the same model."""
    report = run_audit(AuditOrder((models / "resnet50",), models, steps=("performance",)), lambda line: None)
    journal = Journal(tmp_path / "audits.db")
    journal.say("walk", Remark(mark=standing_mark(report), words="released"), 0)
    journal.say("walk", Remark(mark=journal_mark(report, report.findings[0]), decision="accepted"), 0)
    said = journal.said("walk")
    whole = with_remarks(report, said)
    assert whole.standing == "released" and len(whole.remarks) == 1
    (result,) = report.results
    first = result.findings[0].model_copy(update={"sentence": "12 % are named right."})
    changed = report.model_copy(
        update={"results": (result.model_copy(update={"findings": (first, *result.findings[1:])}),)}
    )
    assert with_remarks(changed, said).standing == "diagnostic" and not with_remarks(changed, said).remarks


def test_cells_of_one_photograph_are_told_apart_in_disagreements() -> None:
    """Two models on a photograph of three cells: where one alone is right is counted cell by cell."""
    said = {"A": ("monocyte", "monocyte", "monocyte"), "B": ("monocyte", "basophil", "basophil")}
    rows = [
        {"model": model, "image": "field/1.png", "label": "monocyte", "answer": answer, "probability": 0.9,
         "sha256": ""}
        for model, answers in said.items()
        for answer in answers
    ]  # fmt: skip
    found = disagreements(pd.DataFrame(rows), ["A", "B"])
    assert list(found) == [("A", "B")] and found["A", "B"]["answer"].tolist() == ["basophil", "basophil"]


def test_a_second_tab_never_overwrites_in_silence(start: Start, models: Path) -> None:
    """Two tabs of one browser on one finding: the later one is told, and may say its own or leave the other's."""
    first, second = start("audit", root=models), start("audit", root=models)
    second.session_state["owner-of-what-is-kept"] = first.session_state["owner-of-what-is-kept"]
    mark = "performance/resnet50/accuracy"
    second = second.run()
    first = said(first, mark, "remark").set_value("a cut-off nucleus").run()
    second = said(second, mark, "remark").set_value("fine").run()
    assert_sound(second)
    assert "Somebody spoke to this in the meantime" in alerts(second) and "Yours: fine" in alerts(second)
    assert said(second, mark, "remark").value == "a cut-off nucleus"
    second = next(button for button in second.button if button.label == "Say mine instead").click().run()
    assert "Somebody spoke" not in alerts(second) and said(second, mark, "remark").value == "fine"
    assert said(first.run(), mark, "remark").value == "fine"


def test_who_says_it_and_what_the_report_stands_for_are_kept(start: Start, models: Path) -> None:
    app = start("audit", root=models)
    app = next(one for one in app.text_input if one.label == "Your name").set_value("A. Auditor").run()
    app = next(one for one in app.segmented_control if "standing" in str(one.key)).set_value("reviewed").run()
    assert_sound(app)
    walk = f"{app.session_state['owner-of-what-is-kept']}:kept"
    (entry,) = Journal().said(walk).values()
    assert (entry.words, entry.who) == ("reviewed", "A. Auditor")
    app = go(go(app, "train"), "audit")
    assert next(one for one in app.segmented_control if "standing" in str(one.key)).value == "reviewed"


def test_what_cannot_be_kept_is_told(
    start: Start, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be one, as on a disk that takes nothing."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LEUKOLENS_HOME", str(tmp_path / "file" / "home"))
    app = start("audit", root=models)
    app = said(app, "performance/resnet50/accuracy", "remark").set_value("look").run()
    assert_sound(app)
    assert "What you said was not kept" in alerts(app)


def test_disagreements_and_mistakes_are_looked_at(
    start: Start, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the made-up answers each model errs on one class, so that each pair differs on two lists of twenty."""
    for number in range(100):
        cell(tmp_path / "data" / "cells" / f"{number}.png", number % 3, CLASSES[number % 5])
    monkeypatch.setenv("LEUKOLENS_DATA", str(tmp_path / "data"))
    app = start("audit", root=models)
    between = app.selectbox(key="audit-gallery-between")
    assert between.options == [
        "Choose what to see",
        "ResNet-50 right, VGG-19 wrong (20)",
        "VGG-19 right, ResNet-50 wrong (20)",
    ]
    app = app.selectbox(key="audit-gallery-between").select_index(2).run()
    assert_sound(app)
    told = html(app)
    assert "VGG-19 right, ResNet-50 wrong (20). The surest come first." in told
    assert told.count(f"{CLASSES[1]}, truly {CLASSES[0]}") == 20 and "not found" not in told
    mistakes = app.selectbox(key="audit-gallery-performance")
    assert mistakes.options[1] == f"ResNet-50: {CLASSES[0]} called {CLASSES[1]} (20)"


def test_without_kept_answers_it_says_what_to_do(start: Start, tmp_path: Path) -> None:
    make_model(tmp_path / "bare", "resnet50")
    app = start("audit", root=tmp_path / "bare")
    assert_sound(app)
    assert "No model with kept answers" in alerts(app)


def test_damaged_answers_are_told(start: Start, models: Path) -> None:
    (models / "resnet50" / "predictions.parquet").write_bytes(b"PAR1broken")
    app = start("audit", root=models)
    assert_sound(app)
    assert "damaged or no parquet file" in alerts(app).replace("\\", "")


def test_an_audit_from_the_command_line_is_opened_walked_and_closed(start: Start, models: Path) -> None:
    """Its own remarks come along; what is said here joins them; closing gives the kept answers back."""
    order = AuditOrder((models / "resnet50",), models, steps=("use", "performance"))
    report = run_audit(order, lambda line: None)
    remark = Remark(mark="performance/resnet50/accuracy", decision="flagged", words="look again")
    document = report.model_copy(update={"data": "slides of our own", "remarks": (remark,)}).model_dump_json()
    app = start("audit", root=models)
    app = app.file_uploader[0].set_value(("report.json", document.encode(), "application/json")).run()
    assert_sound(app)
    assert [tab.label for tab in app.tabs] == ["Intended use", "Performance"] and "slides of our own" in html(app)
    assert said(app, remark.mark, "remark").value == "look again"
    assert said(go(go(app, "train"), "audit"), remark.mark, "decide").value == "flagged"
    app = next(button for button in app.button if button.label == "Close this report").click().run()
    assert_sound(app)
    assert "slides of our own" not in html(app) and len(app.tabs) > 2


def test_heat_maps_of_a_report_are_shown_with_their_words(start: Start, models: Path) -> None:
    report = run_audit(AuditOrder((models / "resnet50",), models, steps=("performance",)), lambda line: None)
    panel = AuditPanel(name="monocyte 1", values=((0.0, 1.0), (0.0, 0.0)), words="in the upper <right>")
    looks = StepResult(step="looks", pictures=(AuditPicture(title="mean maps", panels=(panel, panel)),))
    document = report.model_copy(update={"results": (*report.results, looks)}).model_dump_json()
    app = start("audit", root=models)
    app = app.file_uploader[0].set_value(("report.json", document.encode(), "application/json")).run()
    assert_sound(app)
    assert [tab.label for tab in app.tabs] == ["Performance", "Looks where it should?"]
    told = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert "mean maps" in html(app) and "monocyte 1: in the upper" in told
    assert "resnet50: ROC" in html(app)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": 1', b"[" * 100_000, b"\xff\xfe"])
def test_a_file_that_is_no_report_is_told(start: Start, models: Path, data: bytes) -> None:
    app = start("audit", root=models)
    app = app.file_uploader[0].set_value(("mine.json", data, "application/json")).run()
    assert_sound(app)
    assert "mine.json is no report of an audit" in alerts(app) and len(app.tabs) > 2


def test_the_sliders_choose_the_operating_point(start: Start, models: Path) -> None:
    app = start("audit", root=models)
    assert "thresholds for a sensitivity of 95.0 %" in html(app)
    app = app.slider(key="audit-sensitivity").set_value(80).run()
    assert_sound(app)
    assert "thresholds for a sensitivity of 80.0 %" in html(app)
    app = go(go(app, "train"), "audit")
    assert app.slider(key="audit-sensitivity").value == 80


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two classes, on a server whose owner allows long work."""
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path / "runs"))
    for number in range(6):
        label = ("basophil", "monocyte")[number % 2]
        cell(tmp_path / "cells" / label / f"{number}.png", number, label)
    return tmp_path / "cells"


def test_an_audit_of_ones_own_images_is_started_and_listed(
    start: Start, models: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("core.audit.launch.spawn", lambda run, command, more: commands.append(list(command)))
    app = start("audit", root=models)
    app = app.text_input(key="training-place").set_value(str(place)).run()
    assert_sound(app)
    app = app.slider(key="audit-sample").set_value(40).run()
    app = app.button(key="audit-start").click().run()
    assert_sound(app)
    assert not alerts(app), alerts(app)
    (command,) = commands
    assert command[command.index("--data") + 1] == str(place) and command[command.index("--sample") + 1] == "40"
    assert command.count("--model") == 2 and "audit-auto: unknown" in html(app)
    required = [command[place + 1] for place, word in enumerate(command) if word == "--require"]
    assert required == ["accuracy>=0.9", "lowest_recall>=0.8", "ece<=0.05"]


def test_conditions_are_checked_as_they_are_written_and_go_along(
    start: Start, models: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("core.audit.launch.spawn", lambda run, command, more: commands.append(list(command)))
    app = start("audit", root=models)
    app = app.text_input(key="training-place").set_value(str(place)).run()
    app = app.text_area(key="audit-conditions").set_value("accuracy >= 0.95\n<b>speed</b>>=1").run()
    assert_sound(app)
    assert "Line 2" in alerts(app) and "<b>" not in alerts(app) and app.button(key="audit-start").disabled
    app = app.text_area(key="audit-conditions").set_value("accuracy >= 0.95").run()
    assert not alerts(app)
    app = app.button(key="audit-start").click().run()
    (command,) = commands
    assert command.count("--require") == 1 and command[command.index("--require") + 1] == "accuracy>=0.95"
    app = go(go(app, "train"), "audit")
    assert app.text_area(key="audit-conditions").value == "accuracy >= 0.95"


def test_each_form_of_the_report_can_be_taken_away(start: Start, models: Path) -> None:
    """Each button's file is made by its own call; none is made before."""
    app = start("audit", root=models)
    labels = [button.label for button in app.get("download_button")]
    assert labels == [
        "Download the report", "Download as PDF", "Download as JSON", "Download to sign", "Cards for other registries"
    ]  # fmt: skip
    assert all(button.proto.HasField("deferred_file_id") for button in app.get("download_button"))


def test_a_done_audit_is_opened(start: Start, models: Path, place: Path) -> None:
    folder = audits_folder() / "mine"
    report = run_audit(AuditOrder((models / "vgg19",), folder, steps=("performance",)), lambda line: None)
    write_report(report.model_copy(update={"data": "slides of our own"}), folder, {})
    RunDirectory(folder).report(state="done", pid=0, message="Done.")
    app = start("audit", root=models)
    assert "mine: done" in html(app)
    app = app.button(key="audit-Open-mine").click().run()
    assert_sound(app)
    assert "slides of our own" in html(app) and [tab.label for tab in app.tabs] == ["Performance"]


def test_where_long_work_may_not_be_started_none_is_offered(
    start: Start, models: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKOLENS_TRAINING", "off")
    app = start("audit", root=models)
    assert_sound(app)
    assert not [one for one in app.text_input if one.key == "training-place"]
