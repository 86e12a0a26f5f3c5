"""The small network that looks at a square of a photograph, says whether a white cell stands in its middle, and where
the cell's box is; its input, and its weights with their card."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load as read_safetensors
from torch import Tensor, nn

from core.errors import InputError
from core.files import read_plain
from core.settings import SHA256

SHIPPED = Path(__file__).parent / "shipped"
WEIGHTS, CARD = "finder.safetensors", "finder.json"
LARGEST_FILE = 5_000_000  # bytes
PATCH = 48  # px of the network's input
CONTEXT = 1.7  # side of the square that is looked at, in sides of the candidate's
WIDE = 4.6  # and of the wider one beside it, in which red cells tell the scale: a platelet is no small lymphocyte
BRIGHTEST = 1.25  # of the empty field's light, above which it counts as that
MIDDLE = 0.75  # share of light that is taken off
FARTHEST, WIDEST = 0.6, 1.2  # a box's middle from the candidate's, in its sides; and the logarithm of their ratio

Squares = NDArray[np.float64]


class FinderFigures(BaseModel):
    """Recall and precision at IoU 0.5 on the photographs of one set, with counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str
    photographs: int
    cells: int
    recall: float = Field(ge=0, le=1)
    precision: float = Field(ge=0, le=1)


class FinderCard(BaseModel):
    """What the shipped network is: what it was trained on, under which licences, and what it reaches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    title: str
    parameters: int = Field(gt=0)
    weights_sha256: str = Field(pattern=SHA256)
    patch: int
    context: float
    wide: float
    seed: int
    epochs: int
    seconds: float
    data: dict[str, str]
    sources: tuple[str, ...]
    figures: tuple[FinderFigures, ...]
    limits: tuple[str, ...]
    versions: dict[str, str]


class CellFinder(nn.Module):
    """`(N, 6, 48, 48) float32` from `to_input` -> `(N, 5)`: the logit of a white cell in the middle, and its box.

    The box is told by its middle (dx, dy) from the square's in sides of the candidate's square, and by the logarithms
    of its width and height in the same.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = ((6, 16, 2), (16, 32, 2), (32, 48, 1), (48, 64, 2), (64, 96, 2), (96, 64, 1))
        self.body = nn.Sequential(*(_block(*width) for width in widths))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * (PATCH // 16) ** 2, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, inputs: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.body(inputs))


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


def initialise(network: CellFinder, generator: torch.Generator) -> None:
    """Draw the weights from `generator` alone (He et al. 2015), whatever the network held before."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    last = network.head[-1]
    assert isinstance(last, nn.Linear)
    nn.init.normal_(last.weight, std=0.01, generator=generator)


def cut_squares(rgb: NDArray[np.uint8], squares: Squares, light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What the network looks at around each of `squares` `(N, 3)` (middle x, y and side in px).

    `(N, 2, 48, 48, 3) uint8`: near, and a wider view. Outside the photograph `rgb` `(H, W, 3)` there is the empty
    field's `light` `(3,)`.
    """
    found = np.empty((len(squares), 2, PATCH, PATCH, 3), dtype=np.uint8)
    for place, (x, y, side) in enumerate(squares):
        for view, context in enumerate((CONTEXT, WIDE)):
            found[place, view] = _cut(rgb, float(x), float(y), context * float(side), light)
    return found


def _cut(rgb: NDArray[np.uint8], x: float, y: float, side: float, light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One square, by an affine map; what is larger than the patch is cut out and averaged down first."""
    shrink = side / PATCH
    left, top = x - side / 2, y - side / 2
    if shrink > 1.5:  # average, so that no grain is taken for stain
        low = math.floor(left) - 2, math.floor(top) - 2
        high = math.ceil(left + side) + 2, math.ceil(top + side) + 2
        x0, y0, x1, y1 = max(0, low[0]), max(0, low[1]), min(rgb.shape[1], high[0]), min(rgb.shape[0], high[1])
        if x1 <= x0 or y1 <= y0:
            return np.broadcast_to(np.rint(light), (PATCH, PATCH, 3)).astype(np.uint8)
        part = rgb[y0:y1, x0:x1]
        size = max(1, round((x1 - x0) / shrink)), max(1, round((y1 - y0) / shrink))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        across, down = (x1 - x0) / size[0], (y1 - y0) / size[1]
        rgb, left, top, steps = part, (left - x0) / across, (top - y0) / down, (shrink / across, shrink / down)
    else:
        steps = (shrink, shrink)
    # A patch's pixel (u, v) shows the place (left + (u + 0.5) step - 0.5) of the picture.
    across, down = steps
    matrix = np.array([[across, 0, left + 0.5 * across - 0.5], [0, down, top + 0.5 * down - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fill = [float(value) for value in np.rint(light)]
    warped = cv2.warpAffine(rgb, matrix, (PATCH, PATCH), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)
    return np.asarray(warped, dtype=np.uint8)


def to_shares(patches: NDArray[np.uint8], light: NDArray[np.float32]) -> Tensor:
    """Patches `(N, 2, 48, 48, 3) uint8` as shares `(N, 2, 3, 48, 48)` of the empty light, `(3,)` or `(N, 3)`."""
    return torch.from_numpy(patches).permute(0, 1, 4, 2, 3).float() / torch.from_numpy(light).reshape(-1, 1, 3, 1, 1)


def to_input(shares: Tensor) -> Tensor:
    """Shares of light `(N, 2, 3, 48, 48)` as the network takes them: bounded, about 0, `(N, 6, 48, 48)`."""
    return shares.clamp(max=BRIGHTEST).flatten(1, 2) - MIDDLE


def boxes_of(squares: Squares, answers: NDArray[np.floating]) -> NDArray[np.float64]:
    """Boxes `(N, 4)` (left, top, right, bottom) in px that `answers` `(N, 5)` tell of `squares` `(N, 3)`."""
    side = squares[:, 2:]
    middle = squares[:, :2] + side * np.clip(answers[:, 1:3], -FARTHEST, FARTHEST)
    half = side * np.exp(np.clip(answers[:, 3:5], -WIDEST, WIDEST)) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def squares_of(boxes: NDArray[np.float64]) -> Squares:
    """The squares `(N, 3)` of the same middle and area as `boxes` `(N, 4)`."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    return np.stack([x, y, np.sqrt(np.maximum(1.0, width * height))], axis=1)


def read_finder(folder: Path) -> tuple[CellFinder, FinderCard]:
    """The network and its card from a folder that `train-finder` wrote; InputError where they do not go together."""
    try:
        card = FinderCard.model_validate_json(read_plain(folder / CARD, LARGEST_FILE))
        data = read_plain(folder / WEIGHTS, LARGEST_FILE)
        if hashlib.sha256(data).hexdigest() != card.weights_sha256:
            raise InputError(f"The weights in {folder} are not those that its card tells of: copy the folder again.")
        network = CellFinder()
        network.load_state_dict(read_safetensors(data))
    except OSError as error:
        raise InputError(f"{folder} holds no network that finds cells: {error.strerror or error}.") from error
    except ValidationError as error:
        raise InputError(f"{folder / CARD} is no card of a network that finds cells.") from error
    except InputError:
        raise
    except Exception as error:  # safetensors and torch raise kinds of their own
        raise InputError(f"{folder / WEIGHTS} does not hold the weights of this network.") from error
    return network.eval().requires_grad_(False), card


@lru_cache(maxsize=1)
def shipped_finder() -> CellFinder:
    """The network that is shipped, in evaluation mode; one for all threads, which only read it."""
    return read_finder(SHIPPED)[0]
