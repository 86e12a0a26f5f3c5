"""The randomisation check (Adebayo et al. 2018): does a method's map change when the model's learnt weights are drawn
anew? First a copy that loses its weights stage by stage, then the verdict, then the task that brings both together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import checked_classes, start_checked
from core.explanation.method import Estimator, MethodSettings, Request
from core.explanation.methods.registry import method as method_of
from core.explanation.quality.control_maps import CONTROLS, control_maps
from core.explanation.quality.similarity import Map, map_ssim, spearman
from core.explanation.quality.stability import capped, map_of
from core.explanation.task import StepwiseTask
from core.models.classifier import Classifier
from core.models.staged import StagedNetwork, recalibrate_batchnorm

NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
STAYS_SIMILAR = 0.7  # share of the similarity between two maps of the trained model: above it, the map did not change
TOO_NOISY = 0.3  # similarity of two seeds' maps under which nothing can be told
T = TypeVar("T")
LEVELS = 5
DRAWS = 3  # of new weights, for methods that need one pass: coarse grids vary much from draw to draw
RUNNING = "The check is under way."
NOTHING = "It cannot be told: the trained model's map is the same everywhere, there is no positive evidence to lose."


def apart(classifier: Classifier, mark: str, network: StagedNetwork | None = None) -> Classifier:
    """A classifier with a network of its own, that no cache takes for the original: `mark` is part of its identity."""
    own = copy.deepcopy(classifier.network) if network is None else network
    sha = f"{classifier.weights_sha256}-{mark}"
    return replace(classifier, network=own, weights_sha256=sha, feature_space=None, _inference_copies={}, _lock=Lock())


def reinitialise(network: StagedNetwork, stages: Sequence[str], seed: Sequence[int]) -> None:
    """Draw the weights of `stages` anew, in place; only for a network of one's own.

    Convolutions and linear layers get He et al.'s normal weights (2015, eq. 10, which keeps the signal's scale through
    any depth; torch's default would let it fade) and zero biases; normalisations pass on what they normalise. No
    generator but one of `seed` is used.
    """
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    with torch.no_grad():
        for name in stages:
            for layer in network.stages[name].modules():
                for kind, weights in layer.named_parameters(recurse=False):
                    _draw(layer, kind, weights, generator)


def symmetries(inputs: Tensor) -> Tensor:
    """A picture `(1, 3, S, S)` and its three mirror images: enough places for statistics of coarse grids."""
    return torch.cat([inputs, inputs.flip(2), inputs.flip(3), inputs.flip((2, 3))])


def _draw(layer: nn.Module, kind: str, weights: Tensor, generator: torch.Generator) -> None:
    if isinstance(layer, NORMS):
        weights.fill_(1.0 if kind == "weight" else 0.0)
    elif weights.ndim >= 2:
        fresh = torch.empty(weights.shape)
        nn.init.kaiming_normal_(fresh, nonlinearity="relu", generator=generator)
        weights.copy_(fresh)
    else:
        weights.zero_()


@dataclass(frozen=True)
class Level:
    """Similarity of the map to the original with everything from the head down to `stage` drawn anew.

    `similarity` is the rank correlation; of a signed map the larger of that of the values and that of their magnitudes,
    since a map may keep its drawing and lose its signs. `ssim` is the structural similarity. None where the map is the
    same everywhere.
    """

    stage: str
    similarity: float | None
    ssim: float | None


@dataclass(frozen=True)
class Randomisation:
    """The check's result so far: `passed` is None while it runs and where it cannot be told.

    `ceiling` is the similarity that another seed's map of the trained model has (1 for a method without seed),
    `controls` those of maps that know no model. Each map was computed with `budget` evaluations; likenesses are means
    over `draws` of new weights.
    """

    model: str
    method: str
    label: str
    levels: tuple[Level, ...]
    verdict: str
    passed: bool | None
    ceiling: float | None
    controls: Mapping[str, float | None]
    budget: int
    draws: int
    seed: int

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def judge(
    title: str, levels: Sequence[Level], ceiling: float | None, controls: Mapping[str, float | None]
) -> tuple[str, bool | None]:
    """The sentence, and whether the method passed: its last map is less similar than STAYS_SIMILAR of the ceiling.

    `levels` are those of a finished check; the deepest one that has a map decides.
    """
    told = [level for level in levels if level.similarity is not None]
    if not told:
        return f"It cannot be told: {title} shows nothing here once weights are drawn anew.", None
    if ceiling is None or ceiling < TOO_NOISY:
        found = "nothing" if ceiling is None else f"a rank correlation of {ceiling:.2f}"
        text = f"It cannot be told: two seeds' maps of the trained model share {found} at this budget."
        return text, None
    last = told[-1]
    assert last.similarity is not None
    where = f"from the head down to {last.stage}" + ("" if last is levels[-1] else ", the deepest level with a map,")
    if last.similarity <= STAYS_SIMILAR * ceiling:
        text = f"The map depends on what the model learnt: with the weights drawn anew {where} it keeps a rank "
        return text + f"correlation of {last.similarity:.2f} with the original{_against(ceiling)}.", True
    text = f"{title} hardly looks at what the model learnt here: with the weights drawn anew {where} its map keeps a "
    text += f"rank correlation of {last.similarity:.2f} with the original{_against(ceiling)}."
    return text + _alike(last.similarity, controls), False


def _against(ceiling: float) -> str:
    return "" if ceiling == 1.0 else f" (another seed's map of the trained model: {ceiling:.2f})"


def _alike(similarity: float, controls: Mapping[str, float | None]) -> str:
    """Which control is as similar, so that the similarity may come from it alone."""
    known = {name: value for name, value in controls.items() if value is not None}
    best = max(known, key=lambda name: known[name], default=None)
    if best is None or known[best] < similarity - 0.1:
        return ""
    return f" {CONTROLS[best].capitalize()} has {known[best]:.2f}: that alone may be what stays."


class IsolatedContext(ImageContext):
    """The context as the copy sees it: superpixels and baselines are the context's, its own results stay here.

    What belongs to the model is told by `mark`, which stands in its identity and so in every key of its results.
    """

    def __init__(self, context: ImageContext, mark: str) -> None:
        super().__init__(context.rgb, context.given_mask, context.given_regions)
        self._original = context
        self._mark = mark

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """As `ImageContext.shared`, here or in the shared context."""
        if self._mark in repr(key):
            return super().shared(key, make)
        return self._original.shared(key, make)


class RandomisationTask(StepwiseTask):
    """Cascading randomisation (Adebayo et al. 2018) of one method, model, picture and class; a `Task`.

    A copy of the classifier has its stages drawn anew from the head down, in at most LEVELS levels. After each the
    method's map is computed again with the same settings, its budget capped, and compared with the original's at that
    budget.
    A sampling method draws with another seed for the copy than for the original, since maps that share their masks
    are alike for that alone; what another seed does to the trained model's map is the ceiling. Where one pass makes a
    map, DRAWS of new weights are averaged. Batch normalisations of such stages take their
    statistics from the picture and its mirror images. InputError for a class that the model lacks, and for a network
    whose weights are not to be had.
    """

    def __init__(
        self,
        request: Request[MethodSettings],
        label: str,
    ) -> None:
        super().__init__()
        self._kind = method_of(request.method)
        self._classifier, self._context, self._seed = request.classifier, request.context, request.seed
        if "weights" in self._classifier.network.lacks:
            raise InputError(f"The check cannot be made: {self._classifier.network.lacks['weights']}.")
        self._label = checked_classes(self._classifier, [label])[0]
        self._request = replace(request, settings=capped(self._kind, request.settings))
        self._first = start_checked(self._request)
        self._groups = stage_groups(list(self._classifier.network.stages))
        self._repeats = DRAWS if self._kind.instant else 1
        self._found: list[list[Level]] = [[] for _ in self._groups]
        self._ceiling: float | None = 1.0
        self._controls: dict[str, float | None] = {}
        self._note = RUNNING
        self._passed: bool | None = None
        self._runs = 1 + self._seeded + self._repeats * len(self._groups)
        self.budget = self._runs * self._request.settings.budget

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
            budget=self._request.settings.budget,
            draws=self._repeats,
            seed=self._seed,
        )

    @property
    def _levels(self) -> tuple[Level, ...]:
        return tuple(mean_level(levels) for levels in self._found if levels)

    @property
    def _seeded(self) -> bool:
        return self._kind.uncertainty == "standard error"

    def _estimator(self, classifier: Classifier, context: ImageContext, seed: int) -> Estimator:
        return start_checked(replace(self._request, classifier=classifier, context=context, seed=seed))

    def _run(self, estimator: Estimator) -> Generator[int, None, Map]:
        while not estimator.done:
            before = estimator.evaluations
            estimator.advance()
            yield estimator.evaluations - before
        return map_of(estimator, self._label)

    def _steps(self) -> Iterator[int]:
        original = yield from self._run(self._first)
        self.budget = self._runs * self._first.evaluations  # what one run really takes
        if original.min() == original.max():
            self._note = NOTHING
            return
        controls = control_maps(self._context, original.shape[0], self._seed)
        self._controls = {name: spearman(original, control) for name, control in controls.items()}
        if self._seeded:
            again = yield from self._run(self._estimator(self._classifier, self._context, self._seed + 1))
            self._ceiling = similarity_level("", original, again, self._kind.signed).similarity
        for draw in range(self._repeats):
            yield from self._cascade(original, draw)
        self._note, self._passed = judge(self._kind.title, self._levels, self._ceiling, self._controls)
        if self._first.evaluations > 1:
            self._note += f" Each map rests on {self._first.evaluations:,} evaluations."

    def _cascade(self, original: Map, draw: int) -> Iterator[int]:
        network = None
        inputs = symmetries(self._classifier.tensor([self._context.rgb]))
        for number, stages in enumerate(self._groups):
            mark = f"forgot-{self._seed}-{draw}-{number}"
            altered = apart(self._classifier, mark, network)
            network = altered.network
            reinitialise(network, stages, (self._seed, draw, number))
            yield 0
            recalibrate_batchnorm(network, stages, [inputs])
            yield 0
            estimator = self._estimator(altered, IsolatedContext(self._context, mark), self._seed + self._seeded)
            values = yield from self._run(estimator)
            self._found[number].append(similarity_level(stages[-1], original, values, self._kind.signed))


def stage_groups(names: Sequence[str], levels: int = LEVELS) -> list[list[str]]:
    """The stages from the head down, the head alone and the rest in at most `levels` - 1 groups of about one size."""
    rest = list(reversed(names[:-1]))
    if not rest:
        return [list(names)]
    parts = np.array_split(np.array(rest), min(levels - 1, len(rest)))
    return [[names[-1]], *([str(name) for name in part] for part in parts)]


def similarity_level(stage: str, original: Map, values: Map, signed: bool) -> Level:
    """How like the original a map is, by rank and by structure."""
    similar = spearman(original, values)
    bare = spearman(np.abs(original), np.abs(values)) if signed else None
    known = [value for value in (similar, bare) if value is not None]
    ssim = map_ssim(original, values) if similar is not None else None
    return Level(stage, max(known) if similar is not None else None, ssim)


def mean_level(levels: Sequence[Level]) -> Level:
    """The mean of one level over the draws that left a map."""
    similar = [level.similarity for level in levels if level.similarity is not None]
    built = [level.ssim for level in levels if level.ssim is not None]
    return Level(
        levels[0].stage, float(np.mean(similar)) if similar else None, float(np.mean(built)) if built else None
    )
