"""The tables of the two papers that this software does again, as they were published."""

from __future__ import annotations

from dataclasses import dataclass

from core.classes import CLASSES


@dataclass(frozen=True)
class ClassResult:
    """One class's precision, sensitivity and F1, in per cent."""

    precision: float
    sensitivity: float
    f1: float


@dataclass(frozen=True)
class PaperModel:
    """A row of a paper's table.

    `architecture` is our name of it; `accuracy` in per cent, `recall`, `precision` and `f1` (means) and `auc` from 0
    to 1, None where the paper does not say.
    """

    title: str
    architecture: str
    accuracy: float
    recall: float | None = None
    precision: float | None = None
    f1: float | None = None
    auc: float | None = None
    seconds: float | None = None
    size_mb: float | None = None
    best_epoch: int | None = None
    per_class: tuple[tuple[str, ClassResult], ...] = ()


@dataclass(frozen=True)
class Paper:
    """A paper: what it measured on which images, and how it came by its figures."""

    name: str
    title: str
    authors: str
    data: str
    images: int
    counts: tuple[tuple[str, int], ...]
    split: str
    training: str
    remark: str
    models: tuple[PaperModel, ...]


def _classes(*rows: tuple[float, float, float]) -> tuple[tuple[str, ClassResult], ...]:
    return tuple((name, ClassResult(*row)) for name, row in zip(CLASSES, rows, strict=True))


KATAR = Paper(
    name="katar-2022",
    title="Automatic Classification of White Blood Cells Using Pre-Trained Deep Models",
    authors="Katar & Kilincer 2022",
    data="Raabin-WBC, crops of 575x575 px, resized to 224",
    images=16_633,
    counts=tuple(zip(CLASSES, (301, 1_066, 3_609, 795, 10_862), strict=True)),
    split="random 70 / 20 / 10 (train / validation / test)",
    training="ImageNet weights, Adam, learning rate 1e-4, batch 64, at most 50 epochs, stopping after 5 without gain",
    remark="One split only, no second data set, no test of robustness, the imbalance left as it is, as the paper says.",
    models=(
        PaperModel(
            "ResNet-50",
            "resnet50",
            98.79,
            best_epoch=16,
            per_class=_classes(
                (100, 100, 100),
                (100, 96.26, 98.09),
                (97.78, 97.78, 97.78),
                (91.46, 93.75, 92.59),
                (99.54, 99.72, 99.62),
            ),
        ),
        PaperModel(
            "VGG-19",
            "vgg19",
            98.19,
            best_epoch=23,
            per_class=_classes(
                (96.55, 93.33, 94.91),
                (97.19, 97.19, 97.19),
                (96.95, 96.95, 96.95),
                (86.51, 96.25, 91.12),
                (99.72, 98.98, 99.34),
            ),
        ),
        PaperModel(
            "MobileNet-V3-Small",
            "mobilenet_v3_small",
            98.86,
            best_epoch=24,
            per_class=_classes(
                (100, 100, 100),
                (100, 93.45, 96.61),
                (98.61, 98.33, 98.46),
                (92.85, 97.50, 95.11),
                (99.26, 99.63, 99.44),
            ),
        ),
    ),
)


ISLAM = Paper(
    name="islam-2024",
    title="An explainable AI-based blood cell classification using optimized convolutional neural network",
    authors="Islam et al. 2024",
    data="Kaggle “Blood Cell Images”, 320x240 px, cut out and resized to 120",
    images=12_444,
    counts=(("eosinophil", 3_120), ("lymphocyte", 3_103), ("monocyte", 3_098), ("neutrophil", 3_123)),
    split="stratified 8,714 / 1,865 / 1,865 (train / validation / test)",
    training="Custom CNN from scratch, Nadam, learning rate 1e-5, batch 64, 30 epochs; the others by transfer learning",
    remark="Its validation accuracy is 92.8 % beside a test accuracy of 99.12 %, and the set holds 15 to 157 augmented "
    "copies of each of some 350 photographs, on both sides of a random split.",
    models=(
        PaperModel("Inception V3", "inception_v3", 88.29, 0.88, 0.88, 0.88, seconds=572.4, size_mb=85.2),
        PaperModel("MobileNetV2", "mobilenet_v2", 93.32, 0.93, 0.93, 0.93, seconds=501.5, size_mb=9.9),
        PaperModel("DenseNet201", "densenet201", 95.21, 0.96, 0.96, 0.96, seconds=1821.0, size_mb=71.8),
        PaperModel("Custom CNN", "islam_cnn", 99.12, 0.99, 0.99, 0.99, auc=0.9991, seconds=245.9, size_mb=14.3),
    ),
)


PAPERS: dict[str, Paper] = {paper.name: paper for paper in (KATAR, ISLAM)}


def published(paper: str, architecture: str) -> PaperModel | None:
    """The row of `architecture` in a paper's table; None where it has none, or there is no such paper."""
    if paper not in PAPERS:
        return None
    return next((model for model in PAPERS[paper].models if model.architecture == architecture), None)
