"""A network as an ordered list of named stages that can be cut in two at any of them, and its copy for inference.

Batch normalisation is folded by hand, where the order of execution is known beforehand. Tracing (`torch.fx`) would find
it out, but replaces `nn.Module.__call__` for every thread of the process while it runs.
"""

from __future__ import annotations

import copy
import platform
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.errors import InputError

Need = Literal["gradients", "feature map", "weights"]
"""What work on a network may need of it, beside its answers."""

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# By the name of a module's class, so that nobody waits for torchvision without a network of it: a convolution, and what
# alone takes its output.
NORMALISED: dict[str, tuple[tuple[str, str], ...]] = {
    "torchvision.models.resnet.Bottleneck": (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
    "torchvision.models.inception.BasicConv2d": (("conv", "bn"),),
    "torchvision.models.densenet._DenseLayer": (("conv1", "norm2"),),
}


class StagedNetwork(nn.Module):
    """Named stages, run in order; `cut` names the stage whose output the maps explain by default.

    `features` runs the stages up to and including the cut, `head` the rest. Nothing is hooked and no state of the
    module is touched, so that many threads may share one network (DESIGN: no hooks on shared models). `lacks` says, in
    a part of a sentence, why something cannot be had of it; nothing is lacking here.
    """

    lacks: Mapping[Need, str] = MappingProxyType({})

    def __init__(self, stages: dict[str, nn.Module], cut: str) -> None:
        super().__init__()
        if cut not in stages or cut == list(stages)[-1]:
            raise ValueError(f"cannot cut at {cut!r}: choose one of {list(stages)[:-1]}")
        self.stages = nn.ModuleDict(stages)
        self.cut = cut

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the stages at which the network can be cut."""
        return tuple(self.stages)[:-1]

    def features(self, inputs: Tensor, cut: str | None = None) -> Tensor:
        """Run `(N, 3, S, S)` through the stages up to the cut: `(N, C, h, w)`."""
        for name, stage in self.stages.items():
            inputs = stage(inputs)
            if name == (cut or self.cut):
                return inputs
        raise KeyError(f"no stage {cut!r}")

    def head(self, activations: Tensor, cut: str | None = None) -> Tensor:
        """Run activations `(N, C, h, w)` of the cut through the remaining stages: logits `(N, K)`."""
        names = list(self.stages)
        for name in names[names.index(cut or self.cut) + 1 :]:
            activations = self.stages[name](activations)
        return activations

    def forward(self, inputs: Tensor) -> Tensor:
        """`(N, 3, S, S)` -> logits `(N, K)`."""
        for stage in self.stages.values():
            inputs = stage(inputs)
        return inputs


class WholeNetwork(StagedNetwork):
    """A network in one piece, that cannot be cut: one stage called "network". `lacks` says what cannot be had of it."""

    def __init__(self, network: nn.Module, lacks: Mapping[Need, str]) -> None:
        nn.Module.__init__(self)
        self.stages = nn.ModuleDict({"network": network})
        self.cut = ""
        self.lacks = dict(lacks)

    def features(self, inputs: Tensor, cut: str | None = None) -> Tensor:
        """InputError: there is no cut."""
        raise InputError(f"This network has no feature map: {self.lacks['feature map']}.")

    def head(self, activations: Tensor, cut: str | None = None) -> Tensor:
        """InputError, as `features`."""
        return self.features(activations, cut)


def inference_copy(network: StagedNetwork, precision: str) -> StagedNetwork:
    """Return a frozen copy of `network` with the same function up to rounding, in channels_last and `precision`.

    Its batch normalisations are folded; stages and cut are the original's, which is not touched. It takes
    `(N, 3, S, S)` of that precision and gives logits `(N, K)`.
    """
    folded = fold_batch_norm(copy.deepcopy(network)).to(DTYPES[precision])
    return folded.to(memory_format=torch.channels_last).requires_grad_(False)


def fold_batch_norm(network: StagedNetwork) -> StagedNetwork:
    """Fold each batch normalisation that follows a convolution into its weights, in place; the function is unchanged.

    Network and result are in evaluation mode. What was trained with batch normalisation gets the plain layers of the
    published network: in a `nn.Sequential` the normalisation is left out, in the modules of NORMALISED it becomes
    `nn.Identity`. One that stands anywhere else stays.
    """
    for module in list(network.eval().modules()):
        if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
            _fold_sequence(module)
        for first, second in NORMALISED.get(f"{type(module).__module__}.{type(module).__qualname__}", ()):
            if folded := _folded(getattr(module, first), getattr(module, second)):
                setattr(module, first, folded)
                setattr(module, second, nn.Identity())
    return network


def _fold_sequence(layers: nn.Sequential) -> None:
    for place in range(len(layers) - 1, 0, -1):
        if folded := _folded(layers[place - 1], layers[place]):
            layers[place - 1] = folded
            del layers[place]


def _folded(first: nn.Module, second: nn.Module) -> nn.Conv2d | None:
    """One convolution for the two; None where they are not a convolution and a normalisation that keeps statistics."""
    if type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d and second.running_mean is not None:
        return nn.utils.fuse_conv_bn_eval(first, second)
    return None


def recalibrate_batchnorm(network: StagedNetwork, stages: Sequence[str], batches: Iterable[Tensor]) -> None:
    """Estimate the running statistics of the batch normalisations in `stages` anew, in place; only for a network of
    one's own.

    They become the mean over `batches` `(N, 3, S, S)`, each counted alike.
    """
    norms = [layer for name in stages for layer in network.stages[name].modules() if isinstance(layer, _BatchNorm)]
    norms = [layer for layer in norms if layer.track_running_stats]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        for inputs in batches:
            network(inputs)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def processor_has(precision: str, device: torch.device) -> bool:
    """Whether `device` computes in `precision` natively; emulated bfloat16 is slower than float32 by far."""
    return precision == "float32" or computes_bfloat16(device)


def computes_bfloat16(device: torch.device) -> bool:
    """Whether `device` has instructions of its own for bfloat16; where it is emulated, float32 is faster by far.

    oneDNN says yes on every AVX-512 processor, also on those that lack `avx512_bf16` and AMX, so the processor's own
    flags are asked as well.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    if platform.machine() not in {"x86_64", "AMD64"}:
        return True
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
