"""Statistics that an audit adds to those of an evaluation: proper scores, calibration by classes and by equal parts,
McNemar's test with Holm's correction, and the bootstrap of whole slides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import binomtest

from core.evaluation.intervals import Estimate, undefined
from core.evaluation.metrics import Calibration, calibration

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
DRAWS = 2000
SEED = 2022
PARTS = 15


def brier_score(probabilities: Floats, labels: Labels) -> float:
    """The mean over images of the summed squared errors of probabilities `(N, K)` (Brier 1950), from 0 to 2."""
    own = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - own) ** 2).sum(axis=1).mean())


def log_loss(logits: Floats, labels: Labels) -> float:
    """The mean negative log-likelihood of scaled logits `(N, K)`, in nats; finite however sure a wrong answer is."""
    return float((logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels]).mean())


def adaptive_error(confidence: Floats, right: NDArray[np.bool_], parts: int = PARTS) -> float:
    """The calibration error over `parts` of equally many answers (Nixon et al. 2019): no bin is nearly empty.

    Answers are sorted by confidence and split as evenly as can be.
    """
    order = np.argsort(confidence, kind="stable")
    pieces = [part for part in np.array_split(order, min(parts, len(order))) if len(part)]
    gaps = [len(part) * abs(right[part].mean() - confidence[part].mean()) for part in pieces]
    return float(sum(gaps) / len(confidence)) if len(confidence) else 0.0


def classwise_error(probabilities: Floats, labels: Labels) -> float:
    """The mean over classes of the calibration error of each class's probability (Kull et al. 2019, eq. 3)."""
    errors = [calibration(probabilities[:, k], labels == k).ece or 0.0 for k in range(probabilities.shape[1])]
    return float(np.mean(errors))


def reliability(probabilities: Floats, labels: Labels) -> Calibration:
    """The diagram of the answers' confidence."""
    return calibration(probabilities.max(axis=1, initial=0.0), probabilities.argmax(axis=1) == labels)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Images that only the first, and only the second model names right, and the exact two-sided p (McNemar 1947)."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method (1979), in the order given."""
    order = np.argsort(values, kind="stable")
    corrected, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[int(place)]))
        corrected[int(place)] = highest
    return corrected


def clustered_interval(
    groups: Sequence[object], statistic: Callable[[NDArray[np.int64]], float], draws: int = DRAWS, seed: int = SEED
) -> Estimate:
    """A statistic of images with the 95 % percentile interval of drawing whole groups (slides, patients) anew.

    `statistic` takes places of images, some more than once. Not defined for fewer than two groups; draws for which it
    is not finite do not count.
    """
    _, numbers = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)
    count = int(numbers.max()) + 1 if len(numbers) else 0
    value = statistic(np.arange(len(numbers)))
    if count < 2 or not np.isfinite(value):
        return undefined(len(numbers))
    members = [np.flatnonzero(numbers == number) for number in range(count)]
    random = np.random.default_rng(seed)
    drawn = [statistic(np.concatenate([members[k] for k in random.integers(count, size=count)])) for _ in range(draws)]
    usable = np.array([one for one in drawn if np.isfinite(one)])
    if not len(usable):
        return undefined(len(numbers))
    low, high = np.quantile(usable, (0.025, 0.975))
    return Estimate(value=float(value), low=float(low), high=float(high), of=len(numbers))


def detectable_difference(images: int, rate: float) -> float:
    """The smallest difference from `rate` that `images` can tell with a power of 80 % at 5 % (two-sided, normal
    approximation of one share): 2.8 standard errors. 1 without images.
    """
    return min(1.0, 2.8 * float(np.sqrt(max(rate * (1 - rate), 1e-4) / images))) if images else 1.0
