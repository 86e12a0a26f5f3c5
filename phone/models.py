"""`python -m phone.models FOLDER`: write the models that the phone's app runs, and what it says of them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.conversion.formats import export_plan, onnx_bytes
from core.models.checkpoints import find, load_classifier
from core.models.classifier import Classifier

SHIPPED_TO_PHONES = ("mobilenet_v3_small", "islam_cnn")
LEAST = 256  # values of a tensor from which on halving it is worth a node
KEPT = ("centre", "whitening", "means", "basis", "residual_scale")  # of the measure of unfamiliar pictures: as they are


def halved(data: bytes) -> bytes:
    """The same ONNX program with its weights kept in 16 bits, and widened when it is loaded.

    Checkpoints hold 16 bits already; what folding batch normalisations made of them is rounded to as many again.
    """
    program = onnx.load_model_from_string(data)
    graph, nodes = program.graph, []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        fits = values.dtype == np.float32 and values.size >= LEAST and np.abs(values).max() < np.finfo(np.float16).max
        if not fits or any(name in tensor.name for name in KEPT):
            continue
        narrow = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half")
        nodes.append(helper.make_node("Cast", [narrow.name], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer.remove(tensor)
        graph.initializer.append(narrow)
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *body])
    del graph.value_info[:]
    onnx.checker.check_model(program)
    return bytes(program.SerializeToString())


def described(classifier: Classifier) -> dict[str, object]:
    """What the app says of a model, from its card."""
    card = classifier.card
    return {
        "name": classifier.name,
        "title": card.title,
        "classes": list(card.classes),
        "input_size": card.input_size,
        "threshold": None if card.novelty is None else card.novelty.threshold,
    }


def write_models(folder: Path) -> None:
    """Write each model and `models.json` into the app's `folder`; `build` there changes with any of its files."""
    classifiers = [load_classifier(find(name, None)) for name in SHIPPED_TO_PHONES]
    for classifier in classifiers:
        (folder / f"{classifier.name}.onnx").write_bytes(halved(onnx_bytes(export_plan(classifier, maps=True))))
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name != "models.json":
            digest.update(path.name.encode() + path.read_bytes())
    told = {"build": digest.hexdigest()[:16], "models": [described(classifier) for classifier in classifiers]}
    (folder / "models.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_models(target)
    print(f"The app is in {target}: {sum(path.stat().st_size for path in target.iterdir()) / 1e6:.1f} MB in all")
