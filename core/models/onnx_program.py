"""A network from elsewhere as an ONNX program, run by ONNX Runtime: it answers, and shows nothing of its inside.

The file is read whole, with bounds. One that points to further files is refused, so that nothing else is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import InputError
from core.models.card import ModelCard
from core.models.staged import Need, WholeNetwork

ONNX = "onnx"  # the architecture that a card of such a model names
HOW_TO_INSTALL = 'pip install "leukolens[onnx]"'
LACKS: dict[Need, str] = {
    "gradients": "an ONNX file computes answers and no gradients",
    "feature map": "an ONNX file gives its answers and no feature map",
    "weights": "the weights of an ONNX file stand in its program and cannot be drawn anew",
}
SMALLEST_SHARE = 1e-12  # under which a probability is none, so that its logarithm is a number
SILENT = 4  # of ONNX Runtime's log levels


class OnnxProgram(nn.Module):
    """Pictures `(N, 3, S, S)` -> logits `(N, K)`, both float32, on the processor; many threads may share one.

    `channels_last`: the program takes `(N, S, S, 3)`. `batch` is the number of pictures that it takes at a time, None
    for any. `probabilities`: it gives these, and their logarithms stand for the logits.
    """

    def __init__(self, session: Any, channels_last: bool, batch: int | None, probabilities: bool) -> None:
        super().__init__()
        self._session = session
        self._channels_last = channels_last
        self._batch = batch
        self._probabilities = probabilities

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: it holds nothing that changes."""
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the program."""
        pictures = inputs.detach().float().cpu()
        if self._channels_last:
            pictures = pictures.permute(0, 2, 3, 1)
        answers = np.concatenate([self._run(part) for part in self._parts(pictures.contiguous().numpy())])
        found = torch.from_numpy(answers[: len(inputs)])
        if self._probabilities:
            found = found.clamp_min(SMALLEST_SHARE).log()
        return found.to(inputs.device)

    def _parts(self, pictures: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """As many pictures at a time as the program takes; the last of them repeated where there are too few."""
        if self._batch is None:
            yield pictures
            return
        for start in range(0, len(pictures), self._batch):
            part = pictures[start : start + self._batch]
            missing = self._batch - len(part)
            yield np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (answers,) = self._session.run(None, {self._session.get_inputs()[0].name: pictures})
        except Exception as error:  # whatever the program ends with
            raise InputError(f"ONNX Runtime could not run the network: {_first_line(error)}") from error
        return np.asarray(answers, dtype=np.float32)


def onnx_network(data: bytes, card: ModelCard, name: str) -> WholeNetwork:
    """The program in `data`, checked against the card of the model `name`; InputError says what is wrong with it."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{name} is an ONNX file, and ONNX Runtime is not installed: {HOW_TO_INSTALL}.") from error
    try:
        program = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own kinds
        raise InputError(f"{name}/model.onnx is damaged or no ONNX file: copy it again.") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(program, onnx.TensorProto)):
        raise InputError(
            f"{name}/model.onnx keeps weights in further files, which are not read: export it as one file "
            "(torch.onnx.export with external_data=False)."
        )
    del program
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its kinds have no base of their own
        raise InputError(f"{name}/model.onnx cannot be run: {_first_line(error)}") from error
    channels_last, batch = _layout(session, card, name)
    return WholeNetwork(OnnxProgram(session, channels_last, batch, card.outputs == "probabilities"), LACKS)


def onnx_side(data: bytes) -> int | None:
    """The side in px of the square pictures that the program in `data` takes; None where it does not say."""
    try:
        import onnx

        graph = onnx.load_model_from_string(data).graph
        held = {tensor.name for tensor in graph.initializer}
        (first,) = [entry for entry in graph.input if entry.name not in held]
        sizes = [one.dim_value for one in first.type.tensor_type.shape.dim]
    except Exception:  # what is wrong with the file is said where it is loaded
        return None
    return sizes[2] if len(sizes) == 4 and sizes[2] > 3 and sizes[2] in (sizes[1], sizes[3]) else None


def _tensors(message: Any, kind: type) -> Iterator[Any]:
    """All tensors in a protobuf message, wherever in it; protobuf bounds its depth."""
    if isinstance(message, kind):
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if hasattr(value, "__len__") else (value,):
                yield from _tensors(inner, kind)


def _layout(session: Any, card: ModelCard, name: str) -> tuple[bool, int | None]:
    """Whether the colours come last, and how many pictures it takes at a time; InputError for another kind of input."""
    inputs, outputs, side = session.get_inputs(), session.get_outputs(), card.input_size
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)":
        raise InputError(
            f"{name}/model.onnx must take one array of float32 pictures and give one array; it has "
            f"{len(inputs)} inputs and {len(outputs)} outputs, and takes {inputs[0].type if inputs else 'nothing'}."
        )
    shape = [size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape]
    orders = {False: [3, side, side], True: [side, side, 3]}
    for channels_last, order in orders.items():
        fits = all(size in (None, wanted) for size, wanted in zip(shape[1:], order, strict=False))
        if len(shape) == 4 and fits:
            return channels_last, shape[0]
    raise InputError(
        f"{name}/model.onnx takes pictures of the shape {inputs[0].shape}; the card's input_size is {side}. "
        f"It must take (N, 3, {side}, {side}) or (N, {side}, {side}, 3)."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def shares(logits: NDArray[np.floating]) -> bool:
    """Whether rows `(N, K)` look like probabilities rather than logits: none under 0, and each row adds up to 1."""
    return bool((logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-3))
