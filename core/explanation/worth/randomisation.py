"""The randomisation check: does a method's map change when the model forgets what it learnt?"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from core.classifier import Classifier
from core.explanation.controls import Settings
from core.explanation.engine import known_classes, start
from core.explanation.estimator import Estimator
from core.explanation.methods import method as method_of
from core.explanation.precision import chosen_precision
from core.explanation.scene import Scene
from core.explanation.task import StepwiseTask
from core.explanation.worth.aside import Aside
from core.explanation.worth.capped import capped_settings, map_of
from core.explanation.worth.control_maps import control_maps
from core.explanation.worth.fresh_weights import apart, forget, settle, symmetries
from core.explanation.worth.measures import Map, spearman, structural_likeness
from core.explanation.worth.verdict import Level, Randomisation, judge

LEVELS = 5
DRAWS = 3  # of new weights, for methods that need one pass: coarse grids vary much from draw to draw
RUNNING = "The check is under way."
NOTHING = "It cannot be told: the trained model's map is the same everywhere, there is no positive evidence to lose."


class RandomisationTask(StepwiseTask):
    """Cascading randomisation (Adebayo et al. 2018) of one method, model, picture and class; a `Task`.

    A copy of the classifier forgets its stages from the head down, in at most LEVELS levels; after each the method's
    map is computed again with the same settings, its budget capped, and compared with the original's at that budget.
    A sampling method draws with another seed for the copy than for the original, since maps that share their masks
    are alike for that alone; what another seed does to the trained model's map is the ceiling. Where one pass makes a
    map, DRAWS of new weights are averaged. Batch normalisations of forgotten stages take their
    statistics from the picture and its mirror images. InputError for an unknown method or class, a wrong setting, or a
    method that does not fit.
    """

    def __init__(
        self,
        classifier: Classifier,
        scene: Scene,
        method: str,
        settings: Settings | None,
        seed: int,
        precision: str,
        label: str,
    ) -> None:
        super().__init__()
        self._kind = method_of(method)
        self._label = known_classes(classifier, [label])[0]
        self._classifier, self._scene, self._seed = classifier, scene, seed
        self._settings = capped_settings(method, settings or {})
        self._precision = chosen_precision(classifier, self._kind.family, precision)
        self._first = self._estimator(classifier, scene, seed)
        self._groups = stage_groups(list(classifier.network.stages))
        self._repeats = DRAWS if self._kind.instant else 1
        self._found: list[list[Level]] = [[] for _ in self._groups]
        self._ceiling: float | None = 1.0
        self._controls: dict[str, float | None] = {}
        self._note = RUNNING
        self._passed: bool | None = None
        self._runs = 1 + self._seeded + self._repeats * len(self._groups)
        self.budget = self._runs * self._kind.budget(self._settings)

    @property
    def nbytes(self) -> int:
        """Of the original's estimator; what is found are single numbers."""
        return self._first.nbytes

    def result(self) -> Randomisation:
        """What has been found so far."""
        return Randomisation(
            model=self._classifier.name,
            method=self._kind.name,
            label=self._label,
            levels=self._levels,
            verdict=self._note,
            passed=self._passed,
            ceiling=self._ceiling,
            controls=dict(self._controls),
            budget=self._kind.budget(self._settings),
            draws=self._repeats,
            seed=self._seed,
        )

    @property
    def _levels(self) -> tuple[Level, ...]:
        return tuple(mean_level(levels) for levels in self._found if levels)

    @property
    def _seeded(self) -> bool:
        return self._kind.uncertainty == "standard error"

    def _estimator(self, classifier: Classifier, scene: Scene, seed: int) -> Estimator:
        return start(self._kind.name, classifier, scene, self._settings, seed, self._precision)

    def _run(self, estimator: Estimator) -> Generator[int, None, Map]:
        while not estimator.done:
            before = estimator.evaluations
            estimator.advance()
            yield estimator.evaluations - before
        return map_of(self._kind.name, estimator, self._label)

    def _steps(self) -> Iterator[int]:
        original = yield from self._run(self._first)
        self.budget = self._runs * self._first.evaluations  # what one run really takes
        if original.min() == original.max():
            self._note = NOTHING
            return
        controls = control_maps(self._scene, original.shape[0], self._seed)
        self._controls = {name: spearman(original, control) for name, control in controls.items()}
        if self._seeded:
            again = yield from self._run(self._estimator(self._classifier, self._scene, self._seed + 1))
            self._ceiling = likeness("", original, again, self._kind.signed).similarity
        for draw in range(self._repeats):
            yield from self._cascade(original, draw)
        self._note, self._passed = judge(self._kind.title, self._levels, self._ceiling, self._controls)
        if self._first.evaluations > 1:
            self._note += f" Each map rests on {self._first.evaluations:,} evaluations."

    def _cascade(self, original: Map, draw: int) -> Iterator[int]:
        network = None
        inputs = symmetries(self._classifier.tensor([self._scene.rgb]))
        for number, stages in enumerate(self._groups):
            mark = f"forgot-{self._seed}-{draw}-{number}"
            altered = apart(self._classifier, mark, network)
            network = altered.network
            forget(network, stages, (self._seed, draw, number))
            yield 0
            settle(network, stages, inputs)
            yield 0
            estimator = self._estimator(altered, Aside(self._scene, mark), self._seed + self._seeded)
            values = yield from self._run(estimator)
            self._found[number].append(likeness(stages[-1], original, values, self._kind.signed))


def stage_groups(names: Sequence[str], levels: int = LEVELS) -> list[list[str]]:
    """The stages from the head down, the head alone and the rest in at most `levels` - 1 groups of about one size."""
    rest = list(reversed(names[:-1]))
    parts = np.array_split(np.array(rest), min(levels - 1, len(rest)))
    return [[names[-1]], *([str(name) for name in part] for part in parts)]


def likeness(stage: str, original: Map, values: Map, signed: bool) -> Level:
    """How like the original a map is, by rank and by structure."""
    similar = spearman(original, values)
    bare = spearman(np.abs(original), np.abs(values)) if signed else None
    known = [value for value in (similar, bare) if value is not None]
    ssim = structural_likeness(original, values) if similar is not None else None
    return Level(stage, max(known) if similar is not None else None, ssim)


def mean_level(levels: Sequence[Level]) -> Level:
    """The mean of one level over the draws that left a map."""
    similar = [level.similarity for level in levels if level.similarity is not None]
    built = [level.ssim for level in levels if level.ssim is not None]
    return Level(
        levels[0].stage, float(np.mean(similar)) if similar else None, float(np.mean(built)) if built else None
    )
