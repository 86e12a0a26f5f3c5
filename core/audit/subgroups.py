"""Whether the models serve every laboratory, microscope or group of patients alike: each value of a further column
against the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from core.audit.findings import AuditTable, Finding, StepResult, estimated
from core.audit.statistics import detectable_difference, holm
from core.audit.steps import as_percent, with_ends
from core.audit.subject import AuditedModel, AuditedSet
from core.evaluation.intervals import Estimate, wilson

FEWEST = 10  # images of a subgroup that is compared
MOST = 40  # values of a column; more are no groups
LEVEL = 0.05


@dataclass(frozen=True)
class Subgroup:
    """A value of a column: how many of its images are named right, of the rest too, and the corrected p of both being
    alike.
    """

    value: str
    own: Estimate
    rest: Estimate
    p: float

    @property
    def worse(self) -> bool:
        """Whether it is told from the rest, and below it."""
        return self.p < LEVEL and (self.own.value or 0.0) < (self.rest.value or 0.0)


def compared_subgroups(right: NDArray[np.bool_], values: Sequence[str]) -> list[Subgroup]:
    """Each value with FEWEST images or more against all others; images without a value count nowhere."""
    named = np.array([bool(value) for value in values])
    kinds = [str(kind) for kind in np.unique(np.asarray(values, dtype=str)[named])] if named.any() else []
    found = []
    for kind in kinds:
        inside = np.array([value == kind for value in values])
        rest = named & ~inside
        if inside.sum() >= FEWEST and rest.sum() >= FEWEST:
            counts = [(int(right[part].sum()), int(part.sum())) for part in (inside, rest)]
            p = float(fisher_exact([[hits, of - hits] for hits, of in counts]).pvalue)
            found.append((kind, wilson(*counts[0]), wilson(*counts[1]), p))
    corrected = holm([p for _, _, _, p in found])
    return [Subgroup(kind, own, rest, p) for (kind, own, rest, _), p in zip(found, corrected, strict=True)]


def subgroup_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """Every model in every column: the subgroups that are worse than the rest, and what their sizes can tell."""
    findings, tables = [], []
    for column, said in data.subgroups.items():
        for model in models:
            values = [said.get(image, "") for image in model.answers.images]
            parts = compared_subgroups(model.right, values)
            findings.append(_judged(column, model, parts, values))
            if parts:
                tables.append(_subgroup_table(column, model, parts))
    if not findings:
        words = "No further columns were named (--groups FILE --subgroups laboratory,microscope)."
        findings = [Finding(step="subgroups", key="none", title="Subgroups", status="not run", sentence=words)]
    return StepResult(step="subgroups", findings=tuple(findings), tables=tuple(tables))


def _judged(column: str, model: AuditedModel, parts: Sequence[Subgroup], values: Sequence[str]) -> Finding:
    facts: Mapping[str, str] = {"step": "subgroups", "key": column, "title": f"By {column}", "model": model.name}
    kinds = len(set(values) - {""})
    if kinds > MOST or not parts:
        words = f"“{column}” has {kinds} values: more than {MOST} are no groups." if kinds > MOST else (
            f"No two values of “{column}” have {FEWEST} images each: nothing can be compared."
        )  # fmt: skip
        return Finding(status="not run", sentence=words, **facts)  # type: ignore[arg-type]
    lowest = min(parts, key=lambda part: part.own.value or 0.0)
    worse = [part for part in parts if part.worse]
    told = f"{lowest.value}: {with_ends(lowest.own)} right, the rest {as_percent(lowest.rest.value)}. "
    told += f"Worse than the rest: {', '.join(part.value for part in worse)}." if worse else (
        "No value is told from the rest."
    )  # fmt: skip
    few = kinds - len(parts)
    told += f" {few} of {kinds} values have too few images." if few else ""
    condition = f"no value is worse than the rest, p under {LEVEL} corrected by Holm"
    return estimated(lowest.own, status="failed" if worse else "passed", sentence=told, condition=condition, **facts)


def _subgroup_table(column: str, model: AuditedModel, parts: Sequence[Subgroup]) -> AuditTable:
    rows = tuple(
        (
            part.value,
            f"{part.own.of:,}",
            with_ends(part.own),
            as_percent(part.rest.value),
            f"{part.p:.2g}",
            f"{100 * detectable_difference(part.own.of, part.rest.value or 0.0):.1f} points",
        )
        for part in parts
    )
    heads = (column, "images", "right", "the rest", "p", "can be told")
    note = "Fisher's exact test against the rest, corrected by Holm's method. Can be told: the smallest difference "
    note += "that so many images show with a power of 80 %."
    return AuditTable(title=f"{model.name}: by {column}", heads=heads, rows=rows, note=note)
