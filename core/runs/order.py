"""What a run was told to train on: the part of its command that its recipe does not hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.plain_files import read_bounded

RECIPE, ORDER = "order.toml", "command.json"
LARGEST_ORDER = 100_000  # bytes


def _plain_path(text: str) -> str:
    if not Path(text).is_absolute() or not text.isprintable():
        raise ValueError("an absolute path in printable characters is needed")
    return text


class Order(BaseModel):
    """`data` is an absolute path, `dataset` how it is read, `gpus` the numbers of the GPUs to use (none: processor).

    Nothing of it is ever run as text: the command is put together anew from these fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    data: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_plain_path)]
    dataset: str = Field(default="auto", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    gpus: tuple[Annotated[int, Field(ge=0, le=63)], ...] = Field(default=(), max_length=64)

    def command(self, run: Path, resume: bool) -> list[str]:
        """The command that trains in `run`, where the recipe lies as `order.toml`."""
        words = [sys.executable, "-m", "core", "train", str(run / RECIPE), "--data", self.data]
        words += ["--dataset", self.dataset, "--run", str(run), "--devices", str(max(1, len(self.gpus))), "--in-line"]
        return [*words, "--resume"] if resume else words

    def shown_gpus(self) -> str:
        """CUDA_VISIBLE_DEVICES for the training's process."""
        return ",".join(str(number) for number in self.gpus)


def checked_order(data: str, dataset: str, gpus: tuple[int, ...] = ()) -> Order:
    """An order of these facts; InputError where one cannot be used."""
    try:
        return Order(data=data, dataset=dataset, gpus=gpus)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"The training cannot be ordered so: {first['loc'][0]}: {reason[:1].lower()}{reason[1:]}."
        ) from error


def read_order(run: Path) -> Order:
    """The order that `run` was begun with; InputError where it was begun otherwise, or the file was changed."""
    data = read_bounded(run / ORDER, LARGEST_ORDER)
    try:
        return Order.model_validate(json.loads(data or b""))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{run.name} was not started from here, or its {ORDER} was changed. Resume it on the command line: "
            f"python -m core train RECIPE --data FOLDER --run {run} --resume."
        ) from error
