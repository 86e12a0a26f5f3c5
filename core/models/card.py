"""The card beside a model's weights: what it is, what it was trained on, what it reaches, where it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, field_validator

from core.classes import is_class_name, one_spelling
from core.errors import InputError
from core.files import read_plain
from core.settings import SHA256

LARGEST_CARD = 1_000_000  # bytes

GROUPS = ((15.0, "< 15 M"), (70.0, "15-70 M"), (float("inf"), "> 70 M"))  # Katar & Kilincer 2022


def _class_name(name: str) -> str:
    if not is_class_name(name):
        raise ValueError(f"{name[:60]!r} is no name for a class")
    return name


ClassName = Annotated[str, AfterValidator(_class_name)]  # stands in file names


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class CardScore(_Strict):
    """Figures on one set: `accuracy` and `mean_recall` in 0-1; classes under 10 images are left out of the
    mean, which is None where no class has as many.
    """

    data: str
    images: int = Field(ge=0)
    accuracy: float = Field(ge=0, le=1)
    mean_recall: float | None = Field(ge=0, le=1)
    recall: dict[str, float]
    counts: dict[str, int]


class TrainingFacts(_Strict):
    """How the weights came to be.

    `split` says how train, validation and test were divided, `leak` which photographs stand on several sides (None:
    not looked for, "": none); `best_epoch` counts from 1. Older cards say none of these.
    """

    recipe: str
    data: str
    data_fingerprint: str
    images: int
    simulated_images: int
    initial_weights: str
    seed: int
    epochs: int
    seconds: float
    precision: str
    machine: str
    versions: dict[str, str]
    split: str = ""
    leak: str | None = None
    best_epoch: int | None = None
    skipped_images: int = 0


class Novelty(_Strict):
    """An image is unfamiliar when its distance exceeds `threshold`, which `quantile` of the validation set stays under.

    `rates` tells what share of other sets the threshold calls unfamiliar.
    """

    threshold: float
    quantile: float = Field(gt=0, lt=1)
    rates: dict[str, float] = {}


class Scaling(_Strict):
    """What is taken off each channel of a picture in [0, 1], and what it is then divided by."""

    mean: tuple[float, float, float]
    deviation: tuple[PositiveFloat, PositiveFloat, PositiveFloat]


SCALINGS: dict[str, Scaling | None] = {
    "picture": None,
    "imagenet": Scaling(mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)),
    "unit": Scaling(mean=(0.0, 0.0, 0.0), deviation=(1.0, 1.0, 1.0)),
    "symmetric": Scaling(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5)),
    "bytes": Scaling(mean=(0.0, 0.0, 0.0), deviation=(1 / 255, 1 / 255, 1 / 255)),
}
"""By name: each picture by its own mean and deviation, torchvision's for ImageNet, 0 to 1, -1 to 1, 0 to 255."""


class FitFacts(_Strict):
    """How a model was fitted to one laboratory's cells.

    `base` and `base_sha256` are the model that it was; `labelled` counts the labels of each class, `unlabelled` the
    further pictures; `penalty` is None where the last layer stayed. The mean recalls, before and after, and the `gain`
    with its 95 % interval are of a cross-validation with `folds` folds.
    """

    base: str
    base_sha256: str = Field(pattern=SHA256)
    laboratory: str = Field(max_length=80)
    labelled: dict[ClassName, int]
    unlabelled: int = Field(ge=0)
    batch_statistics: bool
    penalty: float | None
    folds: int = Field(ge=2)
    seed: int
    recall_before: float = Field(ge=0, le=1)
    recall_after: float = Field(ge=0, le=1)
    gain: tuple[float, float, float]


class ModelCard(_Strict):
    """Everything the dashboard says about a model comes from here.

    `scaling` is what its pictures are scaled by; None: each by its own mean and deviation. `outputs` tells what a
    network that was brought as a program gives.

    `bfloat16` tells, by family of methods, the rank correlation of its maps in bfloat16 with those in float32. `unseen`
    are figures on laboratories that stood in no training, `held_back` on cells kept back of laboratories whose other
    cells were trained on, `left_out` those of a model trained by the same recipe without the laboratory that it is
    tested on. `fitted` says how a model was fitted to one laboratory, and what that brought; `training` is then its
    base's.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9_][a-z0-9_.-]{0,63}$")
    title: str = Field(max_length=80)
    architecture: str = Field(max_length=80)
    classes: tuple[ClassName, ...] = Field(min_length=2, max_length=100)
    input_size: int = Field(ge=32, le=1024)
    framing: Literal["cell", "frame", "islam"]
    scaling: Scaling | None = None
    outputs: Literal["logits", "probabilities"] = "logits"
    parameters: int = Field(gt=0)
    weights_mb: float = Field(gt=0)
    weights_sha256: str = Field(pattern=SHA256)
    published_millions: float | None = None
    temperature: float = Field(ge=0.01, le=100)
    novelty: Novelty | None = None
    bfloat16: dict[Literal["masks", "gradients"], float] = {}
    training: TrainingFacts | None = None
    fitted: FitFacts | None = None
    test: CardScore | None = None
    unseen: tuple[CardScore, ...] = ()
    held_back: tuple[CardScore, ...] = ()
    left_out: tuple[CardScore, ...] = ()
    sources: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        folded = [one_spelling(name) for name in classes]
        twice = [name for name, other in zip(classes, folded, strict=True) if folded.count(other) > 1]
        if twice:
            raise ValueError(f"the class {twice[0]!r} is named twice")
        return classes

    @property
    def group(self) -> str:
        """Parameter group of the network as shipped (Katar & Kilincer 2022)."""
        return parameter_group(self.parameters / 1e6)

    @property
    def published_group(self) -> str | None:
        """Parameter group of the network as published, where its size is known."""
        return None if self.published_millions is None else parameter_group(self.published_millions)

    @property
    def simulated_in_training(self) -> bool:
        """Whether simulated cells were among the training images."""
        return self.training is not None and self.training.simulated_images > 0


def parameter_group(millions: float) -> str:
    """Group by parameters in millions: "< 15 M", "15-70 M" or "> 70 M"."""
    return next(name for limit, name in GROUPS if millions <= limit)


def read_card(path: Path) -> ModelCard:
    """Read and validate `card.json`; InputError says what is wrong with it."""
    try:
        return ModelCard.model_validate_json(read_plain(path, LARGEST_CARD))
    except FileNotFoundError as error:
        raise InputError(f"{path.parent.name} has no readable card.json: is it a model folder?") from error
    except OSError as error:
        raise InputError(f"{path.parent.name} has no readable card.json: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path.parent.name}/card.json is not valid: {where}: {first['msg'].lower()}.") from error
