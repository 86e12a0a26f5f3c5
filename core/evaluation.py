"""A classifier's answers on a labelled set, through the same path that a user's image takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core.card import Score
from core.classifier import Classifier
from core.decoding import read_image
from core.metrics import score
from core.preprocessing.framing import frame_image

BATCH = 64


def answer_table(
    classifier: Classifier,
    table: pd.DataFrame,
    framing: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """A row an image: `image`, `label`, `predicted`, `novelty`, and `logit_<class>` for every class.

    `table` has columns path and label; images are decoded, framed as the model was trained (or as `framing`) and
    answered in batches.
    """
    rows = []
    for start in range(0, len(table), BATCH):
        part = table.iloc[start : start + BATCH]
        views = [frame_image(read_image(path).rgb, framing or classifier.card.framing) for path in _paths(part)]
        for path, label, prediction in zip(
            _paths(part), part["label"], classifier.predict([view.rgb for view in views]), strict=True
        ):
            logits = {f"logit_{name}": float(x) for name, x in zip(prediction.classes, prediction.logits, strict=True)}
            known = {"image": f"{path.parent.name}/{path.name}", "label": label, "predicted": prediction.predicted}
            rows.append(known | {"novelty": prediction.novelty} | logits)
        tell(f"{min(start + BATCH, len(table))} of {len(table)} images")
    return pd.DataFrame(rows)


def _paths(table: pd.DataFrame) -> list[Path]:
    return [Path(path) for path in table["path"]]


def score_of(answers: pd.DataFrame, classes: tuple[str, ...], data: str) -> Score:
    """The figures of an `answer_table`."""
    index = {name: number for number, name in enumerate(classes)}
    labels = np.array([index[name] for name in answers["label"]], dtype=np.int64)
    predicted = np.array([index[name] for name in answers["predicted"]], dtype=np.int64)
    return score(data, labels, predicted, classes)
