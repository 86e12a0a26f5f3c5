"""Shares with 95 % confidence intervals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from scipy.stats import binomtest

Z = 1.959963984540054  # the 97.5 % point of the normal distribution


class Frozen(BaseModel):
    """Base of everything found here: read-only, and JSON by `model_dump(mode="json")`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(Frozen):
    """A figure in 0-1 with its 95 % interval; all None where it is not defined. `of` is the images it rests on."""

    value: float | None
    low: float | None
    high: float | None
    of: int

    @property
    def defined(self) -> bool:
        """Whether there is a figure at all."""
        return self.value is not None


def undefined(of: int = 0) -> Estimate:
    """The figure of too few images to have one."""
    return Estimate(value=None, low=None, high=None, of=of)


def share(hits: int, of: int) -> Estimate:
    """A counted share with its score interval (Wilson 1927, JASA 22); not defined without trials."""
    if of == 0:
        return undefined()
    tested = binomtest(hits, of, hits / of)  # the interval is the same for any hypothesis, this one is tested at once
    low, high = tested.proportion_ci(method="wilson")
    return Estimate(value=hits / of, low=float(low), high=float(high), of=of)


def f1_score(right: int, wrongly_named: int, missed: int) -> Estimate:
    """F1 with its interval: Wilson's of J = TP / (TP + FP + FN), carried over by F1 = 2 J / (1 + J).

    J is a share of those images that are of the class or were called so, and F1 rises with it, so that the interval's
    ends carry over as they are (Lam, Gopal & Qian 2023, arXiv 2309.14621, "Wilson indirect").
    """
    union = share(right, right + wrongly_named + missed)
    if union.value is None or union.low is None or union.high is None:
        return undefined()
    value, low, high = (2 * part / (1 + part) for part in (union.value, union.low, union.high))
    return Estimate(value=value, low=low, high=high, of=union.of)
