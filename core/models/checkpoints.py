"""Model folders: safetensors weights, or an ONNX program, with a validated card beside them; never unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import InputError
from core.files import read_plain, write_whole
from core.models.card import ModelCard, read_card
from core.models.classifier import Classifier, logits_and_activations
from core.models.foreign import foreign_network, is_foreign
from core.models.novelty import FeatureSpace, read_feature_space
from core.models.onnx_program import ONNX, onnx_network
from core.models.registry import ARCHITECTURES, architecture
from core.models.staged import StagedNetwork

WEIGHTS = "model.safetensors"
PROGRAM = "model.onnx"
CLASSES_KEY = "classes"  # of the weights' metadata: the classes in the order of the network's outputs, as JSON

LARGEST_WEIGHTS = 2_000_000_000  # bytes


def default_root() -> Path:
    """The folder of model folders: LEUKOLENS_CHECKPOINTS, else the project's `checkpoints/`."""
    given = os.environ.get("LEUKOLENS_CHECKPOINTS")
    return Path(given) if given else Path(__file__).parents[2] / "checkpoints"


def available(root: Path | None = None) -> list[str]:
    """Names of the model folders in `root`, the known architectures in their order, then the rest by name."""
    folder = root or default_root()
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    order = list(ARCHITECTURES)
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def find(name_or_path: str, root: Path | None = None) -> Path:
    """The folder of a model given by name (below `root`) or by path; InputError lists what there is."""
    folder = (root or default_root()) / name_or_path
    if name_or_path in available(root):
        return folder
    if Path(name_or_path).is_dir():
        return Path(name_or_path)
    known = ", ".join(available(root)) or "none"
    raise InputError(f"No model {name_or_path!r}. Available: {known}; or give the path of a model folder.")


def free_folder(root: Path, wanted: str) -> Path:
    """A folder of `root` that is not there yet: called `wanted`, or that with the first number from 2 that is free."""
    stem = re.sub(r"[^a-z0-9_.-]+", "-", wanted.lower()).strip("-._")[:56] or "model"
    number, name = 1, stem
    while os.path.lexists(root / name):
        number += 1
        name = f"{stem}-{number}"
    return root / name


def load_classifier(folder: Path, device: torch.device | str = "cpu") -> Classifier:
    """Load and check a model folder: card, weights' hash, architecture, shapes, finite numbers; then put the network
    onto `device`. An ONNX program stays on the processor.
    """
    card = read_card(folder / "card.json")
    file = weights_file(card)
    data = read_weights(folder, file)
    digest = hashlib.sha256(data).hexdigest()
    if digest != card.weights_sha256:
        raise InputError(f"{folder.name}/{file} is not the file its card speaks of: copy the whole folder again.")
    if file == PROGRAM:
        program = onnx_network(data, card, folder.name)
        _tried(program, card, folder.name)
        return Classifier(folder.resolve().name, card, program, digest, folder=folder.resolve())
    if card.outputs != "logits":
        raise InputError(f'{folder.name}/card.json: outputs are "logits" for all but ONNX files.')
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise InputError(f"{folder.name}/{WEIGHTS} is damaged or no safetensors file: copy it again.") from error
    space = read_feature_space(tensors)
    weights = {key: value for key, value in tensors.items() if not key.startswith("novelty.")}
    network = _network(card, weights, folder.name)
    _check_order(data, card, folder.name)
    _check_feature_space(space, _tried(network, card, folder.name), card)
    return Classifier(folder.resolve().name, card, network.to(device), digest, space, folder=folder.resolve())


def save_classifier(
    folder: Path, card: ModelCard, network: StagedNetwork, feature_space: FeatureSpace | None = None
) -> ModelCard:
    """Write a model folder, weights in fp16 (statistics in float32), and return the card with hash and size filled."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: _compact(key, value) for key, value in network.state_dict().items()}
    if feature_space is not None:
        tensors |= feature_space.tensors()
    data = save(tensors, metadata={CLASSES_KEY: json.dumps(card.classes)})
    filled = card.model_copy(
        update={"weights_sha256": hashlib.sha256(data).hexdigest(), "weights_mb": round(len(data) / 1e6, 2)}
    )
    write_whole(folder / WEIGHTS, data)
    write_whole(folder / "card.json", filled.model_dump_json(indent=2).encode())
    return filled


def _compact(key: str, value: Tensor) -> Tensor:
    """In fp16, but for statistics and for weights that are too large for it."""
    whole = value.detach().contiguous().cpu()
    if not value.is_floating_point() or key.endswith(("running_mean", "running_var")):
        return whole
    half = whole.half()
    return half if torch.isfinite(half).all() or not torch.isfinite(whole).all() else whole


def weights_file(card: ModelCard) -> str:
    """The file of a model folder that holds what the card's network has learnt."""
    return PROGRAM if card.architecture == ONNX else WEIGHTS


def read_weights(folder: Path, file: str) -> bytes:
    """The bytes of a model folder's weights, or of its program; InputError where they cannot be had."""
    try:
        return read_plain(folder / file, LARGEST_WEIGHTS)
    except FileNotFoundError as error:
        raise InputError(f"{folder.name} has no readable {file}: copy the whole model folder again.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{folder.name} has no readable {file}: {reason}. Copy the whole folder again.") from error


def _check_order(data: bytes, card: ModelCard, name: str) -> None:
    """InputError where the weights say that their classes are others than the card's, or stand in another order."""
    length = int.from_bytes(data[:8], "little")
    try:
        told = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get(CLASSES_KEY)
        classes = None if told is None else tuple(json.loads(told))
    except (ValueError, TypeError, AttributeError, RecursionError):
        classes = ()
    if classes is not None and classes != card.classes:
        raise InputError(
            f"{name}: the weights were trained for the classes {', '.join(map(str, classes))}, in this order; the card "
            f"says {', '.join(card.classes)}. Restore the card that belongs to them."
        )


def _tried(network: StagedNetwork, card: ModelCard, name: str) -> Tensor:
    """Send an empty picture through the whole network: the pooled activations of its cut `(1, C)`.

    InputError where the network does not take the card's input size, or its answer is no number.
    """
    side = card.input_size
    try:
        logits, activations = logits_and_activations(network, torch.zeros(1, 3, side, side))
    except RuntimeError as error:
        raise InputError(
            f"{name}: the network does not take pictures of {side} px, the input_size of its card. "
            "Restore the card that belongs to the weights."
        ) from error
    if logits.shape != (1, len(card.classes)):
        found, wanted = logits.shape[-1], len(card.classes)
        raise InputError(
            f"{name}: the network gives {found} numbers a picture and the card names {wanted} classes. "
            "Restore the card that belongs to the weights."
        )
    if not torch.isfinite(logits).all():
        raise InputError(f"{name}'s answers to an empty picture are not finite numbers: its checkpoint is broken.")
    return activations.mean(dim=(2, 3))


def _check_feature_space(space: FeatureSpace | None, pooled: Tensor, card: ModelCard) -> None:
    """Try the measure of novelty on an empty picture, so that a foreign one is refused when loading."""
    if space is None:
        return
    try:
        distance = space.distance(pooled)
    except RuntimeError:
        distance = torch.full((1,), torch.nan)
    if distance.shape != (1,) or not torch.isfinite(distance).all():
        raise InputError(f"{card.name}'s novelty measure does not fit its network: copy the whole folder again.")


def _built(card: ModelCard, weights: dict[str, Tensor], name: str) -> StagedNetwork:
    """The card's architecture with `weights` float32; RuntimeError where they are not its own."""
    if is_foreign(card.architecture):
        try:
            return foreign_network(card.architecture, weights, len(card.classes), card.input_size)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    with torch.device("meta"):  # no time spent on first weights that are replaced at once
        network = architecture(card.architecture).build(len(card.classes))
    network.load_state_dict(weights, assign=True)
    return network


def _network(card: ModelCard, weights: dict[str, Tensor], name: str) -> StagedNetwork:
    floats = {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}
    try:
        network = _built(card, floats, name)
    except RuntimeError as error:
        raise InputError(
            f"{name}'s weights are not those of {card.architecture} with {len(card.classes)} classes."
        ) from error
    if not all(torch.isfinite(value).all() for value in floats.values() if value.is_floating_point()):
        raise InputError(f"{name}'s weights hold numbers that are not finite: the file is damaged or training failed.")
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last)
