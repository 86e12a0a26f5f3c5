"""Model folders with random weights of the smallest architecture: what pages need to be tested, in a second."""

from __future__ import annotations

from pathlib import Path

import torch

from core.classes import CLASSES
from core.models.card import CardScore, ModelCard, Novelty
from core.models.checkpoints import save_classifier
from core.models.registry import ARCHITECTURES, architecture
from core.models.registry import SHIPPED as REGISTERED

SHIPPED = REGISTERED
TESTED = CardScore(
    data="made-up cells",
    images=1234,
    accuracy=0.912,
    mean_recall=0.9,
    recall=dict.fromkeys(CLASSES, 0.9),
    counts=dict.fromkeys(CLASSES, 246),
)


def make_model(root: Path, name: str, seed: int = 0, card: dict[str, object] | None = None) -> None:
    """Write the folder `name`: random weights from `seed` for the `card`'s architecture, or for the custom CNN's."""
    torch.manual_seed(seed)
    network = architecture(str((card or {}).get("architecture", "islam_cnn"))).build(len(CLASSES))
    fields: dict[str, object] = {
        "name": name,
        "title": ARCHITECTURES[name].title if name in ARCHITECTURES else f"Title of {name}",
        "architecture": "islam_cnn",
        "classes": CLASSES,
        "input_size": 120,
        "framing": "cell",
        "parameters": 20_200_000 if name == "vgg19" else 1_400_000,
        "published_millions": 143.67 if name == "vgg19" else None,
        "weights_mb": 3.0,
        "weights_sha256": "0" * 64,
        "temperature": 1.0,
        "test": TESTED,
        "unseen": (TESTED.model_copy(update={"data": "an unseen stain", "accuracy": 0.61}),),
        "limits": ("Random weights, for tests alone",),
        **(card or {}),
    }
    save_classifier(root / name, ModelCard.model_validate(fields), network)


def make_root(root: Path) -> Path:
    """Write the shipped models' folders below `root`."""
    for seed, name in enumerate(SHIPPED):
        make_model(root, name, seed)
    return root


NEVER_FAMILIAR = Novelty(threshold=-1.0, quantile=0.99)
