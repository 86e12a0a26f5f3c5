"""Models from elsewhere, as their owners would bring them: small ONNX files, and weights of known networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import timm
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

SIDE = 64
NAMES = ("lymphocyte", "neutrophil", "blast")


class Small(nn.Module):
    """One convolution, a mean, and one linear layer; `shares`: it gives probabilities."""

    def __init__(self, classes: int = len(NAMES), seed: int = 0, shares: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.conv, self.last, self.shares = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, classes), shares
        for value in self.parameters():
            value.data = torch.randn(value.shape, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.last(torch.relu(self.conv(inputs)).mean((2, 3)))
        return logits.softmax(1) if self.shares else logits


def onnx_of(network: Small, side: int | str = SIDE, batch: int | str = "n", channels_last: bool = False) -> bytes:
    """The network as an ONNX file, written layer by layer with ONNX's own helper."""
    sizes = [side, side, 3] if channels_last else [3, side, side]
    made = [helper.make_node("Transpose", ["pictures"], ["first"], perm=[0, 3, 1, 2])] if channels_last else []
    made += [
        helper.make_node("Conv", ["first" if channels_last else "pictures", "k", "kb"], ["c"], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "wb"], ["g" if network.shares else "answers"], transB=1),
    ]
    made += [helper.make_node("Softmax", ["g"], ["answers"], axis=1)] if network.shares else []
    layers = {"k": network.conv.weight, "kb": network.conv.bias, "w": network.last.weight, "wb": network.last.bias}
    graph = helper.make_graph(
        made,
        "small",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [batch, *sizes])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, [batch, network.last.out_features])],
        [
            numpy_helper.from_array(np.array(value.detach()), name)
            for name, value in layers.items()
            if value is not None
        ],
    )
    program = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(program)
    return bytes(program.SerializeToString())


def onnx_folder(root: Path, name: str = "mine", network: Small | None = None, side: int = SIDE) -> Path:
    """A folder with nothing but the ONNX file of a small network."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(onnx_of(network or Small(), side))
    return folder


def weights_folder(root: Path, name: str = "mine", network: str = "torchvision:resnet18") -> Path:
    """A folder with nothing but the weights of one of torchvision's or timm's networks, drawn from a seed."""
    folder = root / name
    folder.mkdir(parents=True)
    save_file(dict(library_network(network).state_dict()), folder / "model.safetensors")
    return folder


def library_network(name: str) -> nn.Module:
    """As its library builds it, without our code, in evaluation mode."""
    library, _, model = name.partition(":")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if library == "timm":
            return timm.create_model(model, num_classes=len(NAMES)).eval()
        options: dict[str, Any] = {"aux_logits": True, "init_weights": True} if model == "googlenet" else {}
        return models.get_model(model, weights=None, num_classes=len(NAMES), **options).eval()
