"""What the randomisation check found, and what it says in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.explanation.worth.control_maps import CONTROLS

STAYS_SIMILAR = 0.7  # share of the similarity between two maps of the trained model: above it, the map did not change
UNSETTLED = 0.3  # similarity of two seeds' maps under which nothing can be told


@dataclass(frozen=True)
class Level:
    """Likeness of the map to the original with everything from the head down to `stage` drawn anew.

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
    if ceiling is None or ceiling < UNSETTLED:
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
    """Which control is as similar, so that the likeness may come from it alone."""
    known = {name: value for name, value in controls.items() if value is not None}
    best = max(known, key=lambda name: known[name], default=None)
    if best is None or known[best] < similarity - 0.1:
        return ""
    return f" {CONTROLS[best].capitalize()} has {known[best]:.2f}: that alone may be what stays."
