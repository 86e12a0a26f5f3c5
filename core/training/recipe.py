"""A training recipe: everything that decides what a run does. Each key is explained in the shipped recipes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.data.known import KNOWN
from core.data.split import SplitRecipe


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataRecipe(_Strict):
    """What to train on: `simulated` cells drawn by our own code and the known sets `also` join the training images."""

    framing: Literal["cell", "frame", "islam"] = "cell"
    also: tuple[str, ...] = ()
    also_times: int = Field(default=1, ge=1, le=100, description="how many times each image of `also` is taken")
    simulated: int = Field(default=0, ge=0, le=20_000)
    simulated_seed: int = Field(default=1_000_000, ge=1_000_000)

    @field_validator("also")
    @classmethod
    def _known(cls, also: tuple[str, ...]) -> tuple[str, ...]:
        for name in also:
            if name not in KNOWN:
                raise ValueError(f"{name!r} is no known set; known are {', '.join(KNOWN)}")
        if len(set(also)) < len(also):
            raise ValueError("a set is named twice")
        return also


class AugmentRecipe(_Strict):
    """Strength of each random change made to a training image; 0 switches it off, `on = false` all of them."""

    on: bool = True
    rotate: bool = True
    zoom: float = Field(default=1.35, ge=1.0, le=4.0, description="largest factor by which a view is scaled")
    shift: float = Field(default=0.08, ge=0, le=0.5, description="largest shift, as a share of the side")
    stain: float = Field(default=0.15, ge=0, le=1, description="deviation of the mixing of optical densities")
    strength: float = Field(default=0.25, ge=0, le=1, description="deviation of the log of stain strength")
    curve: float = Field(
        default=0.0, ge=0, le=2, description="deviation of the log of the power that bends each channel's tones"
    )
    tint: float = Field(default=0.0, ge=0, le=2, description="deviation of the optical density added to the cell")
    hue: float = Field(default=0.0, ge=0, le=1, description="largest turn of hue, as a share of a half turn")
    saturation: float = Field(default=0.0, ge=0, le=1, description="largest relative change of saturation")
    grey: float = Field(default=0.05, ge=0, le=1, description="share of images turned grey")
    blur: float = Field(default=0.2, ge=0, le=1, description="share of images blurred")
    noise: float = Field(default=0.2, ge=0, le=1, description="share of images with noise")
    mask: float = Field(
        default=0.15, ge=0, le=1, description="share of images masked outside the cell, as Fig. 3 of Islam"
    )


class StageRecipe(_Strict):
    """One stretch of training at one input size; `samples` is how many images an epoch draws.

    `augment` replaces the recipe's for this stage.
    """

    size: int = Field(ge=32, le=512)
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(gt=0, le=1)
    samples: int | None = Field(default=None, ge=1)
    final_rate: float = Field(default=0.01, ge=0, le=1, description="learning rate at the end, as a share of the first")
    augment: AugmentRecipe | None = None


class Recipe(_Strict):
    """A whole run. `architecture` may be overridden on the command line."""

    name: str = Field(pattern=r"^[\w][\w.-]{0,63}$")
    architecture: str
    weights: str = Field(default="none", max_length=4096)
    batch_norm: bool = Field(default=False, description="VGG-19: train with batch normalisation and fold it afterwards")
    optimiser: Literal["adam", "adamw", "nadam"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    label_smoothing: float = Field(default=0.05, ge=0, le=0.5)
    class_weights: bool = Field(default=False, description="weigh the loss by the inverse frequency of each class")
    balance: float = Field(default=0.5, ge=0, le=1, description="0 draws classes as they are, 1 equally often")
    mixup: float = Field(default=0.0, ge=0, le=10, description="both parameters of the Beta distribution; 0 is none")
    cutmix: float = Field(default=0.0, ge=0, le=10, description="as mixup; with both, each batch takes one of the two")
    clip: float = Field(default=5.0, ge=0, le=1e6, description="largest norm of the gradients; 0 leaves them alone")
    average: float = Field(default=0.99, ge=0, lt=1, description="decay of the moving average of weights; 0 is none")
    trained_share: float = Field(
        default=1.0, gt=0, le=1, description="share of the trained weights in the result, the rest are the first ones"
    )
    monitor: Literal["val_accuracy", "val_loss", "val_mean_recall"] = "val_accuracy"
    patience: int = Field(default=5, ge=0, description="epochs without a better `monitor` before stopping; 0: never")
    bf16: bool = Field(default=False, description="compute in bf16 where processor or GPU has it")
    seed: int = Field(default=0, ge=0, lt=2**31)
    data: DataRecipe = DataRecipe()
    split: SplitRecipe = SplitRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    stages: tuple[StageRecipe, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _batch_norm_is_vggs(self) -> Recipe:
        if self.batch_norm and self.architecture != "vgg19":
            raise ValueError("batch_norm = true is for vgg19 alone; the other architectures have theirs built in")
        return self

    @model_validator(mode="after")
    def _blends_like_with_like(self) -> Recipe:
        if self.trained_share < 1 and (self.weights == "none" or self.batch_norm):
            raise ValueError(
                "trained_share below 1 needs first weights of the same layers: weights, batch_norm = false"
            )
        return self

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def lower_is_better(self) -> bool:
        """Whether the epoch with the lowest `monitor` is the best."""
        return self.monitor == "val_loss"

    def augment_at(self, epoch: int) -> AugmentRecipe:
        """The random changes made in `epoch` (from 0)."""
        return self.stage_at(epoch)[0].augment or self.augment

    def stage_at(self, epoch: int) -> tuple[StageRecipe, int]:
        """The stage that `epoch` (from 0) falls into and its number within that stage."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage, epoch
            epoch -= stage.epochs
        return self.stages[-1], self.stages[-1].epochs - 1

    def in_last_stage(self, epoch: int) -> bool:
        """Whether `epoch` (from 0) falls into the last stage, whose epochs alone are compared for the best."""
        return epoch >= self.epochs - self.stages[-1].epochs
