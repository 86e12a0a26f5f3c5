"""A network as an ordered list of named stages that can be cut in two at any of them."""

from __future__ import annotations

from torch import Tensor, nn


class StagedNetwork(nn.Module):
    """Named stages, run in order; `cut` names the stage whose output the maps explain by default.

    `features` runs the stages up to and including the cut, `head` the rest. Nothing is hooked and no state of the
    module is touched, so that many threads may share one network (DESIGN: no hooks on shared models).
    """

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


def fold_batch_norm(network: StagedNetwork) -> StagedNetwork:
    """Fold each batch normalisation that follows a convolution into its weights, in place; the function is unchanged.

    Gives a network that was trained with batch normalisation the plain layers of the published one.
    """
    network.eval()
    for name, stage in network.stages.items():
        if isinstance(stage, nn.Sequential):
            network.stages[name] = _folded(stage)
    return network


def _folded(stage: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = []
    for layer in stage:
        if isinstance(layer, nn.BatchNorm2d) and layers and isinstance(layers[-1], nn.Conv2d):
            layers[-1] = nn.utils.fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers)
