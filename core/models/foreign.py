"""Architectures that torchvision or timm name: built without weights, and cut in two at the last feature map.

Where the cut lies is tried out on the network itself, before anybody shares it: its parts are run one after the other,
and only where that gives the network's own answer to the bit is the cut taken.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.models.staged import StagedNetwork, WholeNetwork

NO_CUT = "its parts, run one after the other, do not give its answer, as in most vision transformers"
HOW_TO_INSTALL = 'pip install "leukolens[models]"'
UNFIT = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    AssertionError,
    NotImplementedError,
)  # what a part says that does not take what the one before it gives

Build = Callable[[int], nn.Module]


class _Mean(nn.Module):
    """The mean over the places of a feature map, as some networks take it in place of a pooling layer."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.mean([2, 3])


GLUES: tuple[tuple[type[nn.Module], ...], ...] = (
    (),
    (nn.Flatten,),
    (_Mean,),
    (nn.AdaptiveAvgPool2d, nn.Flatten),
    (nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten),
)
"""What networks do between two of their parts, in code of their own."""


def is_foreign(name: str) -> bool:
    """Whether an architecture's name says that it is torchvision's or timm's."""
    return name.partition(":")[0] in LIBRARIES and ":" in name


def foreign_builder(name: str, side_heads: bool = False) -> Build:
    """What builds the architecture `name` ("torchvision:resnet18", "timm:resnet18") for K classes, without weights.

    `side_heads`: with the classifiers beside the last one that two old networks were trained with. InputError where
    there is no such classifier, or its library is not installed.
    """
    library, _, model = name.partition(":")
    if not re.fullmatch(r"[a-z0-9_]{1,70}", model):
        raise InputError(f"{model[:70]!r} is no name of a network of {library}'s.")
    return LIBRARIES[library](model, side_heads)


def _torchvision(model: str, side_heads: bool) -> Build:
    from torchvision import models

    if model not in models.list_models(module=models):
        raise InputError(f"torchvision names no classifier {model!r}: its documentation lists them.")
    options: dict[str, Any] = {"weights": None}
    if model in {"googlenet", "inception_v3"}:
        options |= {"aux_logits": side_heads, "init_weights": False}
    return lambda classes: models.get_model(model, num_classes=classes, **options)


def _timm(model: str, side_heads: bool) -> Build:
    try:
        import timm
    except ImportError as error:
        raise InputError(f"timm:{model} needs timm, which is not installed: {HOW_TO_INSTALL}.") from error
    if not timm.is_model(model):
        raise InputError(f"timm names no network {model!r}: python -c 'import timm; print(timm.list_models())'.")
    return lambda classes: timm.create_model(model, pretrained=False, num_classes=classes)


LIBRARIES: dict[str, Callable[[str, bool], Build]] = {"torchvision": _torchvision, "timm": _timm}


def foreign_network(name: str, weights: dict[str, Tensor], classes: int, side: int) -> StagedNetwork:
    """The architecture `name` with `weights` float32, cut at its last feature map; whole where it cannot be cut.

    `weights` are named as the library names them, or as the cut network does (`save_classifier`). `side` is that of the
    input in px. InputError where there is no such network, RuntimeError where the weights are not its own.
    """
    build = foreign_builder(name, side_heads=any(re.match(r"aux|AuxLogits", key) for key in weights))
    network = _loaded(build, weights, classes)
    if network is not None:
        return cut_network(network, side)
    staged = cut_network(_built(lambda: build(classes)), side)
    staged.load_state_dict(weights)
    return staged


def _built(build: Callable[[], nn.Module]) -> nn.Module:
    """A network in evaluation mode."""
    try:
        return build().eval()
    except UNFIT as error:
        raise InputError(f"The network cannot be built: {str(error)[:200]}.") from error


def _loaded(build: Build, weights: dict[str, Tensor], classes: int) -> nn.Module | None:
    """The library's network with the weights; None where they are named as those of a cut one."""
    try:
        with torch.device("meta"):  # no time spent on first weights that are replaced at once
            network = build(classes).eval()
    except UNFIT:  # it looks at its own numbers
        network = _built(lambda: build(classes))
    cut = all(key.startswith("stages.") for key in weights) and not weights.keys() & network.state_dict().keys()
    if cut:
        return None
    network.load_state_dict(_of_its_version(weights, network), assign=True)
    if any(value.is_meta for value in (*network.parameters(), *network.buffers())):  # not all is kept among the weights
        network = _built(lambda: build(classes))
        network.load_state_dict(_of_its_version(weights, network))
    return network


def _of_its_version(weights: dict[str, Tensor], network: nn.Module) -> OrderedDict[str, Tensor]:
    """The weights with what the library writes beside its own, some of which it asks for; safetensors keeps none."""
    marked = OrderedDict(weights)
    marked._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    return marked


def cut_network(network: nn.Module, side: int) -> StagedNetwork:
    """Cut `network`, in evaluation mode, at the last part whose output is a map of more than one place a side.

    Its parts go into the stages. InputError where it takes no pictures of `side` px.
    """
    probe = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        try:
            wanted = network(probe)
        except UNFIT as error:
            raise InputError(f"The network does not take pictures of {side} px: {str(error)[:120]}.") from error
        parts, maps = _run_parts(network, probe)
        for place in reversed(maps):
            start = probe
            for _, part in parts[: place + 1]:
                start = part(start)
            head = next(_heads([part for _, part in parts[place + 1 :]], start, wanted), None)
            if head is not None:
                stages: dict[str, nn.Module] = dict(parts[: place + 1])
                cut = parts[place][0]
                return StagedNetwork(stages | {"classifier": nn.Sequential(*_flat(head))}, cut=cut)
    return WholeNetwork(network, {"feature map": NO_CUT})


def _parts(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The network's parts by name, in the order of its code; lists, and the one long sequence of features, in single
    parts. Classifiers beside the last one take no part in an answer.
    """
    found: list[tuple[str, nn.Module]] = []
    for name, part in network.named_children():
        if name.lower().startswith("aux"):
            continue
        if isinstance(part, nn.ModuleList) or (name == "features" and type(part) is nn.Sequential):
            found += [(f"{name}{number}", inner) for number, inner in part.named_children()]
        else:
            found.append((name if name != "classifier" else "classifier0", part))
    return found


def _run_parts(network: nn.Module, inputs: Tensor) -> tuple[list[tuple[str, nn.Module]], list[int]]:
    """The parts, and the places of those that give a square map `(N, C, h, h)`, h > 1; run until one takes no more."""
    parts, maps = _parts(network), []
    for place, (_, part) in enumerate(parts[:-1]):
        try:
            inputs = part(inputs)
        except UNFIT:
            break
        if not isinstance(inputs, Tensor):
            break
        if inputs.ndim == 4 and inputs.shape[2] == inputs.shape[3] > 1:
            maps.append(place)
    return parts, maps[-1:]


def _heads(rest: list[nn.Module], activations: Tensor, wanted: Tensor) -> Iterator[list[nn.Module]]:
    """The rest of the network with what stands between its parts, wherever that gives the answer `wanted`."""
    for glue in GLUES:
        for place in range(len(rest) + 1 if glue else 1):
            layers = [kind(1) if kind is nn.AdaptiveAvgPool2d else kind() for kind in glue]
            head = [*rest[:place], *layers, *rest[place:]]
            try:
                answer = nn.Sequential(*head)(activations.clone())
            except UNFIT:
                continue
            if isinstance(answer, Tensor) and torch.equal(answer, wanted):
                yield head


def _flat(layers: list[nn.Module]) -> Iterator[nn.Module]:
    """Plain sequences in single layers, so that a last linear layer is found."""
    for layer in layers:
        if type(layer) is nn.Sequential:
            yield from _flat(list(layer))
        else:
            yield layer
