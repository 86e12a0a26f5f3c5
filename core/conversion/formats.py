"""Models written for other runtimes, with their card inside the file, and run again from what was written.

ONNX keeps card and input in `metadata_props`, PyTorch's exported program in extra files of its archive, LiteRT in a zip
appended to the file, where its readers look for labels.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.conversion.program import ExportedModel
from core.errors import InputError
from core.models.classifier import Classifier

FORMATS = {"onnx": "model.onnx", "litert": "model.tflite", "torch-export": "model.pt2"}
INT8 = "model.int8.onnx"
OPSET = 20
NEEDED = {
    "onnx": ("onnx, onnxscript and onnxruntime", 'pip install "leukolens[export]"'),
    "litert": (
        "litert-torch",
        "make a virtual environment of its own, without this project's pins, and there: "
        "pip install litert-torch==0.10, and what pyproject.toml lists under dependencies",
    ),
}

Pictures = NDArray[np.float32]
Answers = dict[str, NDArray[np.float32]]
Runner = Callable[[Pictures], Answers]


@dataclass(frozen=True)
class ExportPlan:
    """What is to be written: the `module`, its `side` in px, and what the file says of itself."""

    module: ExportedModel
    side: int
    metadata: dict[str, str]


def export_plan(classifier: Classifier, maps: bool) -> ExportPlan:
    """What `classifier` is exported as; InputError as `ExportedModel`."""
    module = ExportedModel(classifier, maps)
    card, side = classifier.card, classifier.card.input_size
    shapes = {"probabilities": ["N", len(card.classes)], "maps": ["N", len(card.classes), "h", "w"], "novelty": ["N"]}
    described = {
        "name": "image",
        "shape": ["N", 3, side, side],
        "type": "float32",
        "range": [0, 1],
        "channels": "RGB",
        "framing": card.framing,
        "resize": "area averaging when the shorter side shrinks to the input's, else linear; to whole numbers 0 to 255",
        "normalisation": "inside the graph",
    }
    metadata = {
        "leukolens.model": classifier.name,
        "leukolens.card": card.model_dump_json(),
        "leukolens.input": json.dumps(described),
        "leukolens.outputs": json.dumps({name: shapes[name] for name in module.outputs}),
        "leukolens.classes": json.dumps(card.classes),
        "leukolens.warning": "Not a medical device: for teaching and for auditing models, not for diagnosis.",
    }
    return ExportPlan(module, side, metadata)


def onnx_bytes(plan: ExportPlan) -> bytes:
    """The ONNX program, in one file, that takes any number of pictures; InputError where the exporter is not here."""
    with _installed("onnx"):
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    example = torch.rand(2, 3, plan.side, plan.side, generator=torch.Generator().manual_seed(0))
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its steps there
        program = torch.onnx.export(
            plan.module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=list(plan.module.outputs),
            dynamic_shapes=({0: torch.export.Dim("N")},),
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, plan.metadata)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def quantised(data: bytes, pictures: Sequence[Pictures]) -> bytes:
    """The ONNX program in 8-bit whole numbers, static, weights by channel; its ranges are those met on `pictures`, each
    `(n, 3, S, S)`."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(pictures)

        def get_next(self) -> dict[str, Pictures] | None:
            batch = next(self._left, None)
            return None if batch is None else {"image": batch}

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / INT8
        quantize_static(
            onnx.load_model_from_string(data),
            out,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        small = onnx.load(out)
    del small.metadata_props[:]
    kept = {entry.key: entry.value for entry in onnx.load_model_from_string(data).metadata_props}
    onnx.helper.set_model_props(small, kept)
    return bytes(small.SerializeToString())


def torch_export_bytes(plan: ExportPlan) -> bytes:
    """PyTorch's exported program, that takes any number of pictures from one up; the card is an extra file of it."""
    example = torch.rand(2, 3, plan.side, plan.side, generator=torch.Generator().manual_seed(0))
    program = torch.export.export(plan.module, (example,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},))
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files=plan.metadata)
    return stream.getvalue()


def litert_bytes(plan: ExportPlan) -> bytes:
    """The LiteRT program, for one picture at a time, with a zip of the card appended; InputError where the converter is
    not installed."""
    with _installed("litert"):
        import litert_torch
    example = torch.rand(1, 3, plan.side, plan.side, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FORMATS["litert"]
        litert_torch.convert(plan.module, (example,)).export(str(path))
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in plan.metadata.items():
                archive.writestr(f"{name}.txt", text)
        return path.read_bytes()


WRITERS: dict[str, Callable[[ExportPlan], bytes]] = {
    "onnx": onnx_bytes,
    "litert": litert_bytes,
    "torch-export": torch_export_bytes,
}


def runner(name: str, path: Path, plan: ExportPlan, threads: int) -> Runner:
    """What runs the file of the format `name` that was just written: pictures `(1, 3, S, S)` -> outputs by name."""
    outputs = plan.module.outputs
    if name == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda pictures: dict(zip(outputs, session.run(list(outputs), {"image": pictures}), strict=True))
    if name == "torch-export":
        program = torch.export.load(str(path)).module()
        return lambda pictures: _by_name(outputs, program(torch.from_numpy(pictures)))
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    signature = interpreter.get_signature_runner()
    (given,) = signature.get_input_details()
    return lambda pictures: dict(
        zip(outputs, (value for _, value in sorted(signature(**{given: pictures}).items())), strict=True)
    )


def reference_runner(plan: ExportPlan) -> Runner:
    """PyTorch's own answers in float32, by the module that was exported."""

    def run(pictures: Pictures) -> Answers:
        with torch.no_grad():
            return _by_name(plan.module.outputs, plan.module(torch.from_numpy(pictures)))

    return run


def _by_name(names: Sequence[str], values: Sequence[Any]) -> Answers:
    return {name: np.asarray(value.detach().numpy()) for name, value in zip(names, values, strict=True)}


@contextlib.contextmanager
def _installed(name: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        packages, how = NEEDED[name]
        raise InputError(f"The format {name} needs {packages}, and {error.name} is not installed: {how}.") from error


def usable_threads() -> int:
    """Threads for both sides of a comparison: PyTorch's, at most the processors this process may use."""
    return min(torch.get_num_threads(), len(os.sched_getaffinity(0)))
