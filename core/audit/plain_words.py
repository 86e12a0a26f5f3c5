"""What an audit comes to, model by model, in plain words: what was reached, where it fails, what not to use it for.

Every sentence is made of findings of the report; where the report holds nothing, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.audit.findings import STEP_TITLES, Finding
from core.audit.run import AuditReport
from core.audit.steps import as_percent

MUCH = 0.05  # a share that a user would trip over: of other things with a sure answer, of accuracy lost under a shift
ENOUGH = 0.9  # the recall or accuracy that a figure's interval has to reach
MAPS = ("explanations/deletion", "explanations/insertion", "explanations/randomisation", "looks/relevance")
PERCENTAGES = ("calibration/confidence", "shift/sureness")
NOTHING = (
    "No finding here speaks against a use. That is no leave for one: this report knows what it looked at, no more."
)

Found = Mapping[str, Finding]


@dataclass(frozen=True)
class PlainWords:
    """One model's part: `reached` is "" where no accuracy was measured; the rest are sentences, most telling first.

    `not_looked_at` names the checks of this model and of the data that were not run, and steps that the report lacks.
    """

    name: str
    title: str
    reached: str
    fails: tuple[str, ...]
    not_for: tuple[str, ...]
    not_looked_at: tuple[str, ...]

    @property
    def parts(self) -> list[tuple[str, tuple[str, ...]]]:
        """What is said under each head, heads with nothing to say left out."""
        skipped = (f"{', '.join(self.not_looked_at)}.",) if self.not_looked_at else ()
        told = [("Where it fails", self.fails), ("Do not use it for", self.not_for), ("Not looked at", skipped)]
        return [(head, lines) for head, lines in told if lines]


def plain_words(report: AuditReport) -> tuple[PlainWords, ...]:
    """What the report comes to for each of its models, in their order."""
    about_data, reported = _findings(report, ""), {one.step for one in report.results}
    missing = [title for step, title in STEP_TITLES.items() if step not in reported]
    return tuple(
        _of(model.name, model.title, _findings(report, model.name), about_data, missing) for model in report.models
    )


def _findings(report: AuditReport, model: str) -> dict[str, Finding]:
    """By step and key; conditions of a pipeline stand on their own."""
    return {f"{one.step}/{one.key}": one for one in report.findings if one.model == model and one.step != "conditions"}


def _of(name: str, title: str, own: Found, data: Found, missing: Sequence[str]) -> PlainWords:
    skipped = [one.title for one in (*own.values(), *data.values()) if one.status == "not run"] + list(missing)
    return PlainWords(
        name, title, _reached(own), tuple(_fails(own)), tuple(_not_for(own, data)), tuple(dict.fromkeys(skipped))
    )


def _reached(own: Found) -> str:
    found = own.get("performance/accuracy")
    if found is None or found.figure is None:
        return ""
    return f"It names {as_percent(found.figure)} of {found.of or 0:,} images right{_between(found)}."


def _between(found: Finding) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" (95 % interval {as_percent(found.low)} to {as_percent(found.high)})"


def _fails(own: Found) -> list[str]:
    """The weakest class, the costliest shift, and every check of the model that failed, maps in one sentence."""
    weakest, shift = own.get("performance/weakest"), own.get("shift/weakest")
    told = [f"Weakest class: {weakest.sentence}"] if weakest and (weakest.figure or 0.0) < 1 else []
    if shift and _costs(shift):
        told.append(shift.sentence)
    told += [f"{one.title}: {one.sentence}" for mark, one in own.items() if one.status == "failed" and mark not in MAPS]
    maps = _failed(own, MAPS)
    return told + ([f"Its maps: {' '.join(f'{one.title}. {one.sentence}' for one in maps)}"] if maps else [])


def _costs(shift: Finding) -> bool:
    return (shift.figure or 0.0) >= MUCH or (shift.low or 0.0) > 0


def _failed(found: Found, marks: tuple[str, ...]) -> list[Finding]:
    return [found[mark] for mark in marks if mark in found and found[mark].status == "failed"]


def _not_for(own: Found, data: Found) -> list[str]:
    """What not to use it for, each with the finding that says so."""
    told = [*_answers(own), *_pictures(own, data)]
    if _failed(own, PERCENTAGES):
        told.append("Reading its percentages as chances: it is surer than right.")
    if _failed(own, MAPS):
        told.append("Arguing from its maps: they did not pass every check that was put to them.")
    return told or [NOTHING]


def _answers(own: Found) -> list[str]:
    told = []
    accuracy, weakest = own.get("performance/accuracy"), own.get("performance/weakest")
    if accuracy and accuracy.figure is not None and (accuracy.low or 0.0) < ENOUGH:
        told.append(
            f"Naming such cells with nobody looking at them: {as_percent(1 - accuracy.figure)} are named wrong."
        )
    if weakest and (weakest.low or 0.0) < ENOUGH:
        name = weakest.sentence.partition(":")[0]
        told.append(f"Counting or ruling out {name} cells: as few as {as_percent(weakest.low)} of them may be found.")
    return told


def _pictures(own: Found, data: Found) -> list[str]:
    told = []
    others, shift = own.get("unfamiliar/others"), own.get("shift/weakest")
    if others and (others.figure or 0.0) > MUCH:
        many = f"{as_percent(others.figure)} of {others.of or 0:,} other things got an answer of over 90 %"
        told.append(f"Pictures that may show something else than its classes: {many}.")
    if shift and _costs(shift):
        told.append(f"Pictures that suffer from {shift.sentence.partition(' costs')[0]}, as the step of shifts tells.")
    if _failed(own, ("looks/surroundings",)):
        told.append("Pictures of another camera or frame: with the cell covered it still tells classes.")
    frames = [one.key for mark, one in data.items() if mark.startswith("shortcuts/") and one.status == "failed"]
    if frames:
        told.append(f"Taking these figures for those of other cameras: here the frame alone tells {', '.join(frames)}.")
    if _failed(data, ("data/training",)):
        told.append("Expecting the same of new images: some of these are copies of what it was trained on.")
    return told
