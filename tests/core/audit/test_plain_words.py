"""What an audit comes to in plain words: each sentence stands on a finding, and none without one."""

from __future__ import annotations

import pytest

from core.audit.findings import STEP_TITLES, Finding, StepResult
from core.audit.pdf import pdf_report
from core.audit.plain_words import NOTHING, PlainWords, plain_words
from core.audit.report import html_report
from core.audit.run import AuditedModelFacts, AuditReport

SHA = "0" * 64
MODEL = "toy"


def finding(mark: str, status: str = "information", model: str = MODEL, **facts: object) -> Finding:
    """A finding `step/key` with a sentence of its own."""
    step, key = mark.split("/")
    whole = {"title": f"Title of {key}", "sentence": f"Sentence of {key}.", **facts}
    return Finding(step=step, key=key, status=status, model=model, **whole)  # type: ignore[arg-type]


ACCURACY = finding("performance/accuracy", figure=0.98, low=0.97, high=0.99, of=1000)
WEAKEST = finding(
    "performance/weakest", figure=0.96, low=0.92, high=0.98, of=90, sentence="monocyte: 86 of 90 are found."
)


def report_of(*findings: Finding) -> AuditReport:
    """A report that holds these findings."""
    steps = dict.fromkeys(one.step for one in findings)
    results = tuple(StepResult(step=step, findings=tuple(x for x in findings if x.step == step)) for step in steps)
    facts = AuditedModelFacts(name=MODEL, title="A <toy>", images=1000, weights_sha256=SHA)
    return AuditReport(software="s", data="d", data_sha256=SHA, models=(facts,), results=results)


def told(*findings: Finding) -> PlainWords:
    """The plain words of the one model."""
    (words,) = plain_words(report_of(*findings))
    return words


def test_a_model_that_nothing_speaks_against_is_told_so() -> None:
    words = told(ACCURACY, WEAKEST)
    assert words.reached == "It names 98.0 % of 1,000 images right (95 % interval 97.0 % to 99.0 %)."
    assert words.fails == ("Weakest class: monocyte: 86 of 90 are found.",)
    assert words.not_for == (NOTHING,)
    assert words.not_looked_at == tuple(title for step, title in STEP_TITLES.items() if step != "performance")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (finding("performance/accuracy", figure=0.8, low=0.7, high=0.9, of=40), "20.0 % are named wrong"),
        (
            finding("performance/weakest", figure=0.9, low=0.6, high=0.98, of=9, sentence="monocyte: 8 of 9."),
            "Counting or ruling out monocyte cells: as few as 60.0 %",
        ),
        (finding("unfamiliar/others", figure=0.3, low=0.2, high=0.4, of=180), "30.0 % of 180 other things"),
        (finding("calibration/confidence", "failed"), "surer than right"),
        (finding("shift/sureness", "failed"), "surer than right"),
        (finding("looks/surroundings", "failed"), "with the cell covered"),
        (finding("looks/relevance", "failed"), "Arguing from its maps"),
        (finding("explanations/deletion", "failed"), "Arguing from its maps"),
        (finding("shortcuts/basophil", "failed", model=""), "the frame alone tells basophil"),
        (finding("data/training", "failed", model=""), "copies of what it was trained on"),
        (
            finding("shift/weakest", figure=0.2, low=0.1, high=0.3, of=25, sentence="“Motion” costs most: it falls."),
            "Pictures that suffer from “Motion”",
        ),
    ],
)  # fmt: skip
def test_what_failed_is_a_use_to_keep_from(found: Finding, said: str) -> None:
    without = told(ACCURACY)
    with_it = told(found) if found.key == "accuracy" else told(ACCURACY, found)
    assert any(said in line for line in with_it.not_for) and NOTHING not in with_it.not_for
    assert not any(said in line for line in without.not_for)


def test_a_small_loss_that_may_be_none_is_not_told() -> None:
    words = told(ACCURACY, finding("shift/weakest", figure=0.04, low=-0.02, high=0.1, of=25))
    assert words.fails == () and words.not_for == (NOTHING,)


def test_failed_maps_are_told_once_and_other_failures_each() -> None:
    words = told(*(finding(f"explanations/{key}", "failed") for key in ("deletion", "insertion")),
                 finding("subgroups/laboratory", "failed"))  # fmt: skip
    assert words.fails == (
        "Title of laboratory: Sentence of laboratory.",
        "Its maps: Title of deletion. Sentence of deletion. Title of insertion. Sentence of insertion.",
    )


def test_what_was_not_run_is_named_and_another_models_findings_are_not() -> None:
    words = told(
        finding("looks/clusters", "not run"),
        finding("data/training", "not run", model=""),
        finding("calibration/confidence", "failed", model="another"),
    )
    assert words.not_looked_at[:2] == ("Title of clusters", "Title of training") and words.not_for == (NOTHING,)
    assert "Explanations" in words.not_looked_at and "Calibration" not in words.not_looked_at
    assert words.reached == ""


def test_a_report_says_them_before_all_else_and_names_are_text() -> None:
    report = report_of(ACCURACY, finding("calibration/confidence", "failed", sentence="A <b>sentence</b>."))
    page = html_report(report)
    assert page.index("In plain words") < page.index("In short") < page.index("Calibration</h2>")
    assert "A &lt;toy&gt;" in page and "<b>sentence" not in page and "Do not use it for" in page
    assert pdf_report(report).startswith(b"%PDF")
