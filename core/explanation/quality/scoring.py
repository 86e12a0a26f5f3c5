"""The work of scoring one map, in small steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.errors import InputError
from core.explanation.baselines import BASELINES
from core.explanation.context import ImageContext, cell_masks, nbytes_of
from core.explanation.engine import Explanation, checked_classes, chosen_precision
from core.explanation.quality.case import Probe, ScoringCase
from core.explanation.quality.control_maps import control_maps
from core.explanation.quality.curves import KINDS, curve_row, points
from core.explanation.quality.localisation import PLACED, placement_row, places
from core.explanation.quality.scores import SCORES, Curve, ScoreRow, Scoring, quality_score
from core.explanation.quality.similarity import gini
from core.explanation.quality.stability import SEEDS, seeded_settings, stability_row
from core.explanation.quality.wording import NO_EVIDENCE, compared, sparseness_sentence
from core.explanation.task import StepwiseTask
from core.models.classifier import Classifier


class ScoringTask(StepwiseTask):
    """Scores of the map of `label` in `explanation`, beside those of the control maps; a `Task`.

    `scores` are names of the registry, all by default; `baseline` is what hides pixels in deletion and
    insertion, by default what the map was made with, else the blurred picture;
    `seed` draws the random map and ROAD's noise. `precision` is a number format, or "auto".
    InputError where explanation, model and class do not belong together.
    """

    def __init__(
        self,
        classifier: Classifier,
        context: ImageContext,
        explanation: Explanation,
        label: str,
        scores: Sequence[str] | None = None,
        seed: int = 0,
        precision: str = "float32",
        baseline: str | None = None,
    ) -> None:
        super().__init__()
        _check(classifier, explanation, label)
        wanted = {quality_score(name).name for name in (SCORES if scores is None else scores)}
        self._scores = [name for name in SCORES if name in wanted]
        own = str(getattr(explanation.settings, "baseline", "blur"))
        hidden = baseline or (own if own in BASELINES else "blur")
        probe = Probe(classifier, context, label, chosen_precision(classifier, "masks", precision), hidden)
        controls = control_maps(context, probe.side, seed)
        self._case = ScoringCase(probe, explanation, explanation.map_of(label), controls, seed)
        self._curves: list[Curve] = []
        self._rows: dict[str, ScoreRow] = {}
        self.budget = max(1, self._planned())

    @property
    def nbytes(self) -> int:
        """Of the map that is scored and of the curves."""
        return nbytes_of(self._case.explanation, self._curves)

    def scoring(self) -> Scoring:
        """The scores and curves found so far, in the order of the registry."""
        probe = self._case.probe
        masks = cell_masks(probe.context)
        return Scoring(
            model=self._case.explanation.model,
            method=self._case.explanation.method,
            label=probe.label,
            rows=tuple(self._rows[name] for name in self._scores if name in self._rows),
            curves=tuple(self._curves),
            mask="not found" if not masks.found else "estimated" if masks.estimated else "given",
            baseline=probe.baseline,
            precision=probe.precision,
            evaluations=self._case.explanation.evaluations,
            seed=self._case.seed,
        )

    def _planned(self) -> int:
        total = sum(points(self._case, name) for name in self._scores if name in KINDS)
        settings = seeded_settings(self._case)
        if "stability" in self._scores and settings is not None and not self._case.silence:
            total += SEEDS * settings.budget
        return total

    def _steps(self) -> Iterator[int]:
        known = places(cell_masks(self._case.probe.context), self._case.probe.side)
        for name in self._scores:
            if name in PLACED:
                self._rows[name] = placement_row(name, self._case.values, self._case.controls, known)
        if "sparseness" in self._scores:
            self._rows["sparseness"] = _sparseness_row(self._case)
        yield 0
        for name in self._scores:
            if name in KINDS:
                self._rows[name] = yield from curve_row(self._case, name, self._curves)
        if "stability" in self._scores:
            self._rows["stability"] = yield from stability_row(self._case)


def _sparseness_row(case: ScoringCase) -> ScoreRow:
    value = gini(case.values)
    others = {of: gini(control) for of, control in case.controls.items()}
    if value is None:
        return ScoreRow("sparseness", None, others, NO_EVIDENCE)
    text = f"{sparseness_sentence(value)} {compared(SCORES['sparseness'], value, others)}"
    return ScoreRow("sparseness", value, others, text)


def _check(classifier: Classifier, explanation: Explanation, label: str) -> None:
    checked_classes(classifier, [label])
    if explanation.model != classifier.name:
        raise InputError(f"The map is {explanation.model}'s: it cannot be scored with {classifier.name}.")
    if label not in explanation.classes:
        raise InputError(f"There is no map of {label!r}. There are maps of: {', '.join(explanation.classes)}.")
    side = classifier.card.input_size
    if explanation.values.shape[1:] != (side, side):
        raise InputError(f"The map has {explanation.values.shape[-1]} px a side and {classifier.name} takes {side}.")
