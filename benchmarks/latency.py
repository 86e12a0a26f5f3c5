"""How long one picture takes, warm: four predictions, and Grad-CAM and Grad-CAM++ of five classes by four models.

`python -m benchmarks.latency [--checkpoints DIR] [--json]`
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from core.cli.common import emit
from core.explanation.engine import explain
from core.explanation.methods.registry import METHODS
from core.models.checkpoints import available, default_root, load_classifier
from core.models.classifier import Classifier
from core.models.staged import computes_bfloat16
from core.preprocessing.framing import frame_image
from core.simulation import gallery

ROUNDS = 7
INSTANT = [name for name, method in METHODS.items() if method.instant]


def milliseconds(work: Callable[[], Any]) -> float:
    """Median of several runs after one that warms up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def measure_latency(classifiers: list[Classifier]) -> list[dict[str, Any]]:
    """A row a model and one for all: milliseconds of prediction and of all gradient CAMs, framing included."""
    image = gallery()[0].cell().image
    rows = []
    for classifier in classifiers:
        predict = milliseconds(lambda c=classifier: c.predict([frame_image(image, c.card.framing).rgb]))
        cams = milliseconds(lambda c=classifier: explain(c, frame_image(image, c.card.framing).rgb, INSTANT))
        rows.append({"model": classifier.name, "predict_ms": round(predict, 1), "explain_ms": round(cams, 1)})
    totals = {key: round(sum(row[key] for row in rows), 1) for key in ("predict_ms", "explain_ms")}
    return [*rows, {"model": "all", **totals}]


def latency(
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the table, with the processor's threads and whether it has bf16 (not used here: float32)."""
    root = checkpoints or default_root()
    rows = measure_latency([load_classifier(root / name) for name in available(root)])
    lines = [
        f"{row['model']:20} predict {row['predict_ms']:7.1f} ms   maps {row['explain_ms']:7.1f} ms" for row in rows
    ]
    has_bf16 = computes_bfloat16(torch.device("cpu"))
    note = {"threads": torch.get_num_threads(), "precision": "float32", "processor_has_bf16": has_bf16}
    emit({"machine": note, "rows": rows}, [*lines, str(note)], as_json)


if __name__ == "__main__":
    typer.run(latency)
