"""Steps that change the pictures of a sample and ask again: other light, focus and stain; the cell without its
surroundings and these without the cell; and whether maps are worth looking at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.findings import AuditChart, AuditLine, AuditPicture, AuditTable, Finding, Status, StepResult
from core.audit.map_clusters import cluster_finding, cluster_pictures, cluster_table, map_clusters
from core.audit.shards import Document
from core.audit.shifts import SEVERITIES, SHIFTS, USUAL
from core.audit.statistics import clustered_interval
from core.audit.steps import as_percent, with_ends
from core.evaluation.intervals import Estimate, undefined, wilson

Documents = Mapping[str, Sequence[Document]]
"""What the shards of each model found."""

TOO_SURE = 0.1  # by how much sureness may exceed accuracy under a usual shift
ZONES = ("nucleus", "cytoplasm", "surroundings")
CONTROLS = ("random", "edges", "centre")
BETTER = {"deletion": -1.0, "insertion": 1.0}  # which way a faithful map goes


def sampled_rows(table: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Some `count` rows, equally many of each `label` as far as there are, drawn by `seed`; the labels come in turn."""
    left, chosen = count, []
    sizes = table["label"].value_counts().sort_values()
    for number, (label, size) in enumerate(sizes.items()):
        share = min(int(size), -(-left // (len(sizes) - number)))
        places = np.flatnonzero((table["label"] == label).to_numpy())
        chosen.append(np.random.default_rng([seed, number]).permutation(places)[:share])
        left -= share
    if not chosen:
        return table
    turns = [(turn, number, place) for number, places in enumerate(chosen) for turn, place in enumerate(places)]
    return table.iloc[[place for _, _, place in sorted(turns)]]


def _not_run(step: str, title: str) -> StepResult:
    words = "This needs the pictures: only the answers are at hand."
    return StepResult(
        step=step, findings=(Finding(step=step, key="none", title=title, status="not run", sentence=words),)
    )


def _rows(documents: Sequence[Document]) -> pd.DataFrame:
    return pd.DataFrame([row for document in documents for row in document["rows"]])


def shift_step(documents: Documents) -> StepResult:
    """Accuracy, sureness and likeness of maps under each shift, step by step; the weakest, and sureness that stays."""
    findings: list[Finding] = []
    tables, lines, measures = [], [], {}
    for model, parts in documents.items():
        rows = _rows(parts)
        if rows.empty:
            continue
        rows["right"] = rows["answer"] == rows["label"]
        changed = rows[rows["shift"] != "none"]
        clean = rows[rows["shift"] == "none"].set_index("row")["right"]
        findings += [_weakest_shift(model, changed, clean), _sure_under_shift(model, changed)]
        tables.append(_shift_table(model, changed, float(clean.mean())))
        by_step = changed.groupby("severity")["right"].mean()
        points = (float(clean.mean()), *(float(by_step[step]) for step in SEVERITIES))
        lines.append(AuditLine(name=model, x=(0.0, *map(float, SEVERITIES)), y=points))
        measures[model] = {"shift_accuracy": float(changed["right"].mean())}
    if not findings:
        return _not_run("shift", "Shifts")
    chart = AuditChart(title="Accuracy under shifts", x_title="step (0: as it is)", y_title="accuracy",
                       lines=tuple(lines), note="The mean over all shifts.")  # fmt: skip
    return StepResult(step="shift", findings=tuple(findings), tables=tuple(tables), charts=(chart,), measures=measures)


def _weakest_shift(model: str, changed: pd.DataFrame, clean: pd.Series) -> Finding:
    """The shift that costs most at the third step, with the interval of the loss over the cells."""
    usual = changed[changed["severity"] == USUAL]
    name = str(usual.groupby("shift")["right"].mean().idxmin())
    own = usual[usual["shift"] == name]
    losses = clean.loc[own["row"]].to_numpy(dtype=np.float64) - own["right"].to_numpy(dtype=np.float64)
    found = mean_over(own["row"].to_numpy(), losses)
    shift = SHIFTS[name]
    sentence = (
        f"“{shift.title}” costs most: at its third step ({shift.unit}: {shift.steps[USUAL - 1]:g}) accuracy falls "
    )
    sentence += f"from {as_percent(float(clean.mean()))} to {as_percent(float(own['right'].mean()))}, by "
    sentence += f"{_points(found)}, over {len(own)} cells."
    return Finding(step="shift", key="weakest", title="Weakest against", status="information", model=model,
                   sentence=sentence, figure=found.value, low=found.low, high=found.high, of=found.of)  # fmt: skip


def mean_over(groups: NDArray[np.int64], values: NDArray[np.float64]) -> Estimate:
    """The mean of `values` with the interval of drawing their `groups` (cells, here) anew; undefined without any."""
    if not len(values):
        return undefined(0)
    return clustered_interval(groups.tolist(), lambda places: float(values[places].mean()))


def _points(found: Estimate) -> str:
    ends = (
        f" ({100 * found.low:.1f} to {100 * found.high:.1f})"
        if found.low is not None and found.high is not None
        else ""
    )
    return f"{100 * (found.value or 0.0):.1f} points{ends}"


def _sure_under_shift(model: str, changed: pd.DataFrame) -> Finding:
    """Whether the model notices: its sureness should fall as its accuracy does."""
    usual = changed[changed["severity"] <= USUAL]
    gap = usual["sureness"].to_numpy(dtype=np.float64) - usual["right"].to_numpy(dtype=np.float64)
    found = mean_over(usual["row"].to_numpy(), gap)
    failed = found.low is not None and found.low > TOO_SURE
    sentence = f"Under shifts up to the third step it is {as_percent(float(usual['sureness'].mean()))} sure and "
    sentence += f"{as_percent(float(usual['right'].mean()))} right: {_points(found)} surer than right."
    if (found.value or 0.0) < 0:
        sentence = sentence.replace(f"{_points(found)} surer than right", "not surer than right")
    return Finding(step="shift", key="sureness", title="Sureness under shifts", status="failed" if failed else "passed",
                   model=model, sentence=sentence, figure=found.value, low=found.low, high=found.high, of=found.of,
                   condition=f"the interval does not lie above {100 * TOO_SURE:.0f} points")  # fmt: skip


def _shift_table(model: str, changed: pd.DataFrame, clean: float) -> AuditTable:
    rows = []
    for name, shift in SHIFTS.items():
        own = changed[changed["shift"] == name]
        accuracy = own.groupby("severity")["right"].mean()
        likeness = own[own["severity"] == USUAL]["like"].astype(float).mean()
        like = "–" if np.isnan(likeness) else f"{likeness:.2f}"
        steps = tuple(as_percent(float(accuracy[step])) for step in SEVERITIES)
        rows.append((f"{shift.title} ({shift.unit})", *steps, like))
    heads = ("shift", *(f"step {step}" for step in SEVERITIES), "likeness of maps")
    note = (
        f"Accuracy; as they are, {as_percent(clean)}. Likeness: rank correlation of Grad-CAM of the original's answer "
    )
    return AuditTable(title=f"{model}: accuracy under shifts", heads=heads, rows=tuple(rows),
                      note=f"{note}at the third step with the original's, the mean over the cells.")  # fmt: skip


def looks_step(documents: Documents) -> StepResult:
    """Where Grad-CAM lies against the share of area, how maps group, and what is answered without surroundings, or
    without the cell."""
    findings: list[Finding] = []
    pictures: list[AuditPicture] = []
    tables, measures = [], {}
    for model, parts in documents.items():
        rows = [row for part in parts for row in part["rows"]]
        findings += _no_cell(model, len(rows), sum(part.get("without", 0) for part in parts))
        if not rows:
            continue
        clusters = map_clusters(rows)
        findings += [_relevance(model, rows), cluster_finding(model, clusters), *_without(model, rows)]
        tables += [_zone_table(model, rows), *([cluster_table(model, clusters)] if clusters else [])]
        pictures += cluster_pictures(model, clusters)
        alone = [row["answers"]["surroundings"] == row["label"] for row in rows]
        measures[model] = {"surroundings_accuracy": float(np.mean(alone))}
    if not findings:
        return _not_run("looks", "Where it looks")
    return StepResult(step="looks", findings=tuple(findings), tables=tuple(tables), pictures=tuple(pictures),
                      measures=measures)  # fmt: skip


def _no_cell(model: str, found: int, without: int) -> list[Finding]:
    """In how many pictures of the sample no cell is found, which this step leaves out; nothing where there is none."""
    if not without:
        return []
    share = wilson(without, found + without)
    told = f"In {without} of {found + without} sampled pictures no cell is found: they are left out of this step."
    return [_about_looks("without", "Pictures without a cell", model, told, share)]


def _relevance(model: str, rows: Sequence[Document]) -> Finding:
    """The share of positive relevance on the cell, less the cell's share of the area."""
    told = [row for row in rows if row["shares"]["surroundings"] is not None]
    gains = [row["areas"]["surroundings"] - row["shares"]["surroundings"] for row in told]
    found = mean_over(np.array([row["row"] for row in told]), np.array(gains, dtype=np.float64))
    if found.value is None:
        why = next((row["unfit"] for row in rows if row.get("unfit")), "")
        return Finding(step="looks", key="relevance", title="Relevance on the cell", status="not run", model=model,
                       sentence=why or "No map of the sample shows anything, or there are too few.")  # fmt: skip
    share, area = _mean(told, "shares"), _mean(told, "areas")
    silent = f" {len(rows) - len(told)} of {len(rows)} maps show nothing." if len(told) < len(rows) else ""
    sentence = (
        f"{as_percent(1 - share)} of Grad-CAM's relevance lies on the cell, which fills {as_percent(1 - area)} of "
    )
    sentence += f"the picture: {_points(found)} more than chance would put there.{silent}"
    status: Status = "passed" if found.low is not None and found.low > 0 else "failed"
    return Finding(step="looks", key="relevance", title="Relevance on the cell", status=status, model=model,
                   sentence=sentence, figure=found.value, low=found.low, high=found.high, of=found.of,
                   condition="more than the cell's share of the area, the interval above 0")  # fmt: skip


def _mean(rows: Sequence[Document], what: str, zone: str = "surroundings") -> float:
    return float(np.mean([row[what][zone] for row in rows]))


def _without(model: str, rows: Sequence[Document]) -> list[Finding]:
    """Answers to the surroundings alone, to the cell alone, and to the cell on another's surroundings."""
    alone = wilson(sum(row["answers"]["surroundings"] == row["label"] for row in rows), len(rows))
    chance = max(pd.Series([row["label"] for row in rows]).value_counts()) / len(rows)
    learnt = alone.low is not None and alone.low > chance
    told = f"With the cell covered it still names {with_ends(alone)} of the cells right; always naming one class would "
    told += f"name {as_percent(chance)}. "
    told += "Something around the cell tells its class." if learnt else "That is no better."
    surroundings = Finding(step="looks", key="surroundings", title="Surroundings alone", model=model, sentence=told,
                           status="failed" if learnt else "passed", figure=alone.value, low=alone.low, high=alone.high,
                           of=alone.of, condition="no better than always naming one class")  # fmt: skip
    cell = wilson(sum(row["answers"]["cell"] == row["answer"] for row in rows), len(rows))
    kept = f"Without its surroundings {with_ends(cell)} of the answers stay as they were."
    return [surroundings, _about_looks("cell", "Cell alone", model, kept, cell), *_swapped(model, rows)]


def _swapped(model: str, rows: Sequence[Document]) -> list[Finding]:
    tried = [row for row in rows if row["other"]]
    if not tried:
        return []
    stays = wilson(sum(row["answers"]["swapped"] == row["answer"] for row in tried), len(tried))
    follows = sum(row["answers"]["swapped"] == row["other"] != row["answer"] for row in tried)
    told = f"On the surroundings of a cell of another class {with_ends(stays)} of the answers stay as they were; "
    told += f"{follows} of {len(tried)} become that other class."
    return [_about_looks("swapped", "Swapped surroundings", model, told, stays)]


def _about_looks(key: str, title: str, model: str, sentence: str, found: Estimate) -> Finding:
    return Finding(step="looks", key=key, title=title, status="information", model=model, sentence=sentence,
                   figure=found.value, low=found.low, high=found.high, of=found.of)  # fmt: skip


def _zone_table(model: str, rows: Sequence[Document]) -> AuditTable:
    """Shares of relevance by class, and by right and wrong answers."""
    kinds = {label: [row for row in rows if row["label"] == label] for label in sorted({row["label"] for row in rows})}
    kinds["right answers"] = [row for row in rows if row["answer"] == row["label"]]
    kinds["wrong answers"] = [row for row in rows if row["answer"] != row["label"]]
    lines = []
    for name, members in kinds.items():
        own = [row for row in members if row["shares"]["surroundings"] is not None]
        if own:
            shares = (f"{as_percent(_mean(own, 'shares', z))} of {as_percent(_mean(own, 'areas', z))}" for z in ZONES)
            lines.append((name, str(len(own)), *shares))
    return AuditTable(
        title=f"{model}: where relevance lies",
        heads=("cells", "maps", *ZONES),
        rows=tuple(lines),
        note="Share of Grad-CAM's positive relevance, of share of the area. Nucleus and outline are estimated.",
    )


def explanation_step(documents: Documents) -> StepResult:
    """Whether Grad-CAM finds what the answer rests on better than maps that know no model, and whether it forgets."""
    findings: list[Finding] = []
    tables = []
    for model, parts in documents.items():
        rows = [row for part in parts for row in part["rows"]]
        why = next((part["unfit"] for part in parts if part.get("unfit")), "")
        if why:
            findings.append(Finding(step="explanations", key="randomisation", title="Depends on what was learnt",
                                    status="not run", model=model, sentence=why))  # fmt: skip
        if not rows:
            continue
        findings += [*(_faithful(model, rows, score) for score in BETTER), _forgets(model, rows)]
        tables.append(_score_table(model, rows))
    if not findings:
        return _not_run("explanations", "Explanations")
    return StepResult(step="explanations", findings=tuple(findings), tables=tuple(tables))


def score_gains(rows: Sequence[Document], score: str, control: str) -> Estimate:
    """By how much the map's score is better than the control's, over the cells where both have one."""
    pairs = [(row["row"], row["scores"][score]["map"], row["scores"][score].get(control)) for row in rows]
    told = [(row, own, other) for row, own, other in pairs if own is not None and other is not None]
    values = [BETTER[score] * (own - other) for _, own, other in told]
    return mean_over(np.array([row for row, _, _ in told]), np.array(values, dtype=np.float64))


def _faithful(model: str, rows: Sequence[Document], score: str) -> Finding:
    gains = {control: score_gains(rows, score, control) for control in CONTROLS}
    title, step = f"Faithfulness: {score}", "explanations"
    known = {control: found for control, found in gains.items() if found.value is not None}
    if not known:
        words = "Too few maps show anything, so that they cannot be compared."
        return Finding(step=step, key=score, title=title, status="not run", model=model, sentence=words)
    worst = min(known, key=lambda control: known[control].value or 0.0)
    found = known[worst]
    beaten = [control for control, one in known.items() if one.low is not None and one.low > 0]
    told = f"Better than {_listed(beaten)}" if beaten else "No better than any map that knows no model"
    ends = f"{found.low:+.3f} to {found.high:+.3f}, {found.of} cells"
    told += f"; its lead is smallest over {_named(worst)}: {found.value:+.3f} ({ends})."
    return Finding(step=step, key=score, title=title, status="passed" if len(beaten) == len(known) else "failed",
                   model=model, sentence=told, figure=found.value, low=found.low, high=found.high, of=found.of,
                   condition="better than a random map, an edge map and a blob in the middle")  # fmt: skip


def _named(control: str) -> str:
    return {"random": "a random map", "edges": "an edge map", "centre": "a blob in the middle"}[control]


def _listed(controls: Sequence[str]) -> str:
    return " and ".join(map(_named, controls))


def _forgets(model: str, rows: Sequence[Document]) -> Finding:
    """How many maps change once the weights are drawn anew (Adebayo et al. 2018)."""
    told = [row for row in rows if row["forgets"] is not None]
    passed = sum(row["forgets"] for row in told)
    sentence = f"With all weights drawn anew {passed} of {len(told)} maps become others"
    sentence += f"; of {len(rows) - len(told)} it cannot be told." if len(told) < len(rows) else "."
    status: Status = "not run" if not told else "passed" if 2 * passed > len(told) else "failed"
    return Finding(step="explanations", key="randomisation", title="Depends on what was learnt", status=status,
                   model=model, sentence=sentence, figure=passed / len(told) if told else None, of=len(told),
                   condition="more than half of the maps change")  # fmt: skip


def _score_table(model: str, rows: Sequence[Document]) -> AuditTable:
    lines = []
    for score, sign in BETTER.items():
        cells = []
        for of in ("map", *CONTROLS):
            values = [row["scores"][score].get(of) for row in rows]
            known = [value for value in values if value is not None]
            cells.append(f"{np.mean(known):.3f}" if known else "–")
        lines.append((f"{score} ({'lower' if sign < 0 else 'higher'} is better)", *cells))
    return AuditTable(
        title=f"{model}: faithfulness of Grad-CAM",
        heads=("score", "the map", "random", "edges", "centre"),
        rows=tuple(lines),
        note="Mean probability of the answer as pixels are hidden, or shown, in the map's order (Petsiuk et al. 2018).",
    )
