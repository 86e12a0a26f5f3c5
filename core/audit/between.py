"""How audited models differ on the images that they share: who alone is right, how far all agree beyond chance, and
which cells of their confusion matrices lie furthest apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.audit.discrimination import as_decimal
from core.audit.findings import AuditTable, Finding, StepResult, estimated
from core.audit.statistics import holm, mcnemar
from core.audit.subject import AuditedModel, AuditedSet
from core.classes import known_as, shared_classes
from core.evaluation.agreement import cohens_kappa, krippendorffs_alpha, ratings_of
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import confusion_matrix

MOST_CELLS = 5  # of two confusion matrices that are listed, those that differ most
NAMED = 3  # images of a cell that are named


Key = tuple[str, str, int]  # image, class, and which of the cells of that class in it


@dataclass(frozen=True)
class BothSaid:
    """An image that two models answered: its name and class, and what each calls it."""

    image: str
    label: str
    first: str
    second: str


@dataclass(frozen=True)
class Pair:
    """Two models on the images of one name and label that both answered."""

    one: AuditedModel
    other: AuditedModel

    @cached_property
    def said(self) -> tuple[BothSaid, ...]:
        """What both say, in the first one's order, as if neither knew a class that the other does not."""
        shared = shared_classes([self.one.card.classes, self.other.card.classes])
        first, second = _said_by(self.one, shared), _said_by(self.other, shared)
        return tuple(BothSaid(key[0], key[1], first[key], second[key]) for key in first if key in second)

    @property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each is right."""
        first, second = ([said.first == said.label for said in self.said], [s.second == s.label for s in self.said])
        return np.array(first, dtype=bool), np.array(second, dtype=bool)

    @property
    def kappa(self) -> Estimate:
        """Cohen's kappa between the two."""
        first = {number: said.first for number, said in enumerate(self.said)}
        second = {number: said.second for number, said in enumerate(self.said)}
        ratings = ratings_of([first, second])
        return cohens_kappa(confusion_matrix(ratings[0], ratings[1], int(ratings.max(initial=0)) + 1))


def _said_by(model: AuditedModel, classes: Sequence[str] = ()) -> dict[Key, str]:
    """What a model calls each image; a photograph of several cells stands there once for each.

    Of `classes`, where some are given, the one with the largest logit counts.
    """
    answers, seen, said = model.answers, Counter[tuple[str, str]](), {}
    for image, label, place in zip(answers.images, answers.labels, _named_within(model, classes), strict=True):
        own = (image, answers.classes[label])
        said[*own, seen[own]] = answers.classes[place]
        seen[own] += 1
    return said


def _named_within(model: AuditedModel, classes: Sequence[str]) -> NDArray[np.int64]:
    """The places of the answers, had the model known `classes` alone; its own where it knows no other, or none."""
    known = [known_as(name, model.card.classes) or name for name in classes]
    if len(known) in (0, len(model.card.classes)):
        return model.answers.predicted
    places = np.array([model.card.classes.index(name) for name in known], dtype=np.int64)
    return np.asarray(places[model.answers.logits[:, places].argmax(axis=1)], dtype=np.int64)


def _in_common(models: Sequence[AuditedModel]) -> str:
    """What is said of the classes where not all models know the same; "" where they do."""
    shared = shared_classes([model.card.classes for model in models])
    if all(len(model.card.classes) == len(shared) for model in models):
        return ""
    return " Each pair is compared on the classes that both know, as if neither knew another."


def between_step(models: Sequence[AuditedModel], data: AuditedSet) -> StepResult:
    """Each pair of models on the images that both answered: who alone is right, whether chance explains it, and where
    their mistakes differ; and how far all models and the labels agree."""
    if len(models) < 2:
        alone = "One model alone was audited: there is nothing to compare."
        none = Finding(step="between", key="alone", title="Between models", sentence=alone, status="not run")
        return StepResult(step="between", findings=(none,))
    pairs = [Pair(one, other) for one, other in combinations(models, 2)]
    tests = [mcnemar(*pair.right) for pair in pairs]
    corrected = holm([test[2] for test in tests])
    rows, findings = [], []
    for pair, (only_one, only_other, _), value in zip(pairs, tests, corrected, strict=True):
        one, other = pair.one.name, pair.other.name
        counts = (f"{len(pair.said):,}", str(only_one), str(only_other))
        rows.append((one, other, *counts, f"{value:.2g}", as_decimal(pair.kappa)))
        findings.append(_who_alone(one, other, only_one, only_other, value))
    note = "McNemar's exact test, p corrected for the number of pairs by Holm's method. Cohen's kappa between the two."
    note += _in_common(models)
    if data.groups:
        note += " Cells of one slide are alike: intervals of kappa and alpha take them for independent, and are narrow."
    heads = ("first", "second", "images", "first alone right", "second alone right", "p", "kappa")
    tables = [AuditTable(title="Pairs of models", heads=heads, rows=tuple(rows), note=note)]
    tables += [table for pair in pairs if (table := differing_cells(pair)).rows]
    findings += _agreement(models)
    return StepResult(step="between", findings=tuple(findings), tables=tuple(tables))


def _who_alone(one: str, other: str, only_one: int, only_other: int, value: float) -> Finding:
    better = one if only_one > only_other else other
    told = f"{better} is better" if value < 0.05 else "chance alone may explain the difference"
    alone = f"{one} alone is right on {only_one}, {other} alone on {only_other} images"
    return Finding(step="between", key=f"{one}-{other}", title=f"{one} and {other}", status="information",
                   sentence=f"{alone}: {told} (p {value:.2g}).")  # fmt: skip


def _agreement(models: Sequence[AuditedModel]) -> list[Finding]:
    """Krippendorff's alpha among the models, and with the labels as one rater more."""
    answers = [_said_by(model) for model in models]
    labels = {key: key[1] for said in answers for key in said}
    # Every image has a label: an image that one model alone answered would count with the labels and not without.
    shared = {key for key in labels if sum(key in said for said in answers) > 1}
    answers = [{key: answer for key, answer in said.items() if key in shared} for said in answers]
    with_labels = [*answers, {key: label for key, label in labels.items() if key in shared}]
    among, all_ = krippendorffs_alpha(ratings_of(answers)), krippendorffs_alpha(ratings_of(with_labels))
    if not (among.defined and all_.defined):
        return []
    sentence = (
        f"Krippendorff's alpha is {as_decimal(among)} among the {len(models)} models and {as_decimal(all_)} with "
    )
    sentence += f"the labels as one more, on {among.of:,} images: 0 is chance, 1 full agreement."
    return [estimated(among, step="between", key="alpha", title="Agreement of all", status="information",
                      sentence=sentence)]  # fmt: skip


def differing_cells(pair: Pair) -> AuditTable:
    """The cells of two confusion matrices whose counts lie furthest apart, with images that are in one of them."""
    first = Counter((said.label, said.first) for said in pair.said)
    second = Counter((said.label, said.second) for said in pair.said)
    cells = [cell for cell in {**first, **second} if first[cell] != second[cell]]
    cells.sort(key=lambda cell: (-abs(first[cell] - second[cell]), cell))
    rows = []
    for true, named in cells[:MOST_CELLS]:
        apart = [
            said.image for said in pair.said if said.label == true and (said.first == named) != (said.second == named)
        ]
        more = ", …" if len(apart) > NAMED else ""
        counts = (str(first[true, named]), str(second[true, named]))
        rows.append((true, named, *counts, f"{', '.join(apart[:NAMED])}{more} ({len(apart)})"))
    heads = ("true class", "named", pair.one.name, pair.other.name, "images that one alone calls so")
    note = f"The {len(rows)} cells of {len(cells)} that differ whose counts lie furthest apart."
    title = f"{pair.one.name} and {pair.other.name}: where their answers differ"
    return AuditTable(title=title, heads=heads, rows=tuple(rows), note=note)
