"""How far maps in bfloat16 agree with those in float32: `python -m benchmarks precision [--write]`.

The statistic, by model and family of methods: cells of the gallery (drawn, seen by no model), every class, the same
seed, hence the same masks or draws, so that the number format is all that differs. For each map, the Spearman
correlation of its values in bfloat16 with those in float32, over superpixels (LIME, kernel SHAP) or pixels (expected
gradients). The figure is the lowest of them over cells, methods and classes: the worst map that a reader may meet, not
the usual one. Samples are those of FAMILIES: the more there are, the more rounding averages out. A map whose values in
float32 add up, signs dropped, to less than QUIET of the span of its output (1 for a probability; for a logit the range
of the picture's logits) says nothing in either format, and its ranks are those of rounding; it is left out and counted.
An example is LIME's map of a class with a probability of one in a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.explain.upstream import ModelPair
from core.cli.common import emit, reports_bad_input
from core.explanation.context import ImageContext
from core.explanation.engine import FAITHFUL
from core.explanation.method import Estimator
from core.explanation.methods.registry import METHODS
from core.files import write_whole
from core.models.card import ModelCard, read_card
from core.models.checkpoints import available, default_root, find, load_classifier
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image
from core.simulation import gallery

FAMILIES: dict[str, dict[str, int]] = {"masks": {"lime": 300, "shap-kernel": 300}, "gradients": {"shap": 200}}
CELLS = ("basophil-1", "eosinophil-1", "lymphocyte-1", "monocyte-1", "neutrophil-1")
QUIET = 1e-3


@dataclass(frozen=True)
class PrecisionCorrelations:
    """Spearman correlations of one model's maps of one family, loud ones, by (cell, method, class)."""

    model: str
    family: str
    correlations: dict[tuple[str, str, str], float]
    quiet: int

    @property
    def lowest(self) -> float:
        """The figure for the card."""
        return min(self.correlations.values(), default=0.0)

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        worst = min(self.correlations, key=lambda key: self.correlations[key], default=("", "", ""))
        return {
            "model": self.model,
            "family": self.family,
            "lowest": round(self.lowest, 4),
            "median": round(float(np.median(list(self.correlations.values()) or [0.0])), 4),
            "maps": len(self.correlations),
            "left_out": self.quiet,
            "worst": " ".join(worst),
        }


def correlations(classifier: Classifier, family: str, cells: Sequence[str] = CELLS) -> PrecisionCorrelations:
    """Measure one family on one model."""
    found: dict[tuple[str, str, str], float] = {}
    quiet = 0
    for cell in cells:
        view = _view(classifier, cell)
        for name, samples in FAMILIES[family].items():
            both = [_values(classifier, view, name, samples, precision) for precision in ("float32", "bfloat16")]
            span = 1.0 if METHODS[name].explains == "probability" else _span(classifier, view)
            for label, exact, fast in zip(classifier.card.classes, *both, strict=True):
                if np.abs(exact).sum() < QUIET * span:
                    quiet += 1
                else:
                    found[cell, name, label] = float(spearmanr(exact, fast).statistic)
    return PrecisionCorrelations(classifier.name, family, found, quiet)


def _view(classifier: Classifier, key: str) -> NDArray[np.uint8]:
    image = next(cell for cell in gallery() if cell.key == key).cell().image
    return frame_image(image, classifier.card.framing).rgb


def _values(
    classifier: Classifier, view: NDArray[np.uint8], name: str, samples: int, precision: str
) -> NDArray[np.float32]:
    """A row a class: superpixels' weights, or pixels' values."""
    estimator: Estimator = ModelPair(classifier).run(
        name, {"samples": samples}, precision=precision, context=ImageContext(view)
    )
    maps = estimator.maps()
    values = maps.native if maps.regions is None else maps.regions.weights
    return values.reshape(len(values), -1)


def _span(classifier: Classifier, view: NDArray[np.uint8]) -> float:
    logits = classifier.predict([view])[0].logits
    return float(logits.max() - logits.min())


def write(folder: Path, figures: dict[str, float]) -> ModelCard:
    """Put figures by family into a model folder's card; the others stay. The file is replaced in one go."""
    path = folder / "card.json"
    card = read_card(path)
    merged = {str(family): figure for family, figure in card.bfloat16.items()}
    merged |= {family: round(figure, 4) for family, figure in figures.items()}
    changed = ModelCard.model_validate({**card.model_dump(), "bfloat16": merged})
    write_whole(path, changed.model_dump_json(indent=2).encode())
    return changed


@reports_bad_input
def precision(
    model: Annotated[list[str] | None, typer.Option("--model", help="Which models. Default: all.")] = None,
    family: Annotated[list[str] | None, typer.Option("--family", help="masks, gradients. Default: both.")] = None,
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints")] = None,
    cells: Annotated[int, typer.Option("--cells", min=1, max=len(CELLS), help="How many cells of the gallery.")] = 2,
    save: Annotated[bool, typer.Option("--write", help="Put the figures into the models' cards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare maps in bfloat16 with maps in float32, the lowest rank correlation over cells, methods and classes."""
    root = checkpoints or default_root()
    rows = []
    for name in model or available(root):
        folder = find(name, root)
        classifier = load_classifier(folder)
        found = [correlations(classifier, each, CELLS[:cells]) for each in family or FAMILIES]
        rows += found
        if save:
            write(folder, {each.family: each.lowest for each in found})
    lines = [
        f"{row.model:20} {row.family:10} lowest {row.lowest:.4f}, {len(row.correlations)} maps, {row.quiet} left out; "
        f"{'bfloat16 serves' if row.lowest >= FAITHFUL else 'float32 stays'}; worst: {row.document()['worst']}"
        for row in rows
    ]
    emit([row.document() for row in rows], lines, as_json)
