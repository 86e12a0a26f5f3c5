"""Whether a recipe's architecture takes the input sizes that the recipe asks for."""

from __future__ import annotations

from core.errors import InputError
from core.models.registry import architecture
from core.training.recipe import Recipe

CLASSES = 5


def check_sizes(recipe: Recipe) -> None:
    """InputError that names the stage whose input size the architecture does not take; nothing is computed."""
    import torch

    entry = architecture(recipe.architecture)
    with torch.device("meta"):
        network = entry.build(CLASSES).eval()
        for number, stage in enumerate(recipe.stages, start=1):
            try:
                with torch.no_grad():
                    network(torch.empty(1, 3, stage.size, stage.size))
            except RuntimeError as error:
                raise InputError(
                    f"{entry.title} does not take images of {stage.size} px (stage {number}). Its own input size is "
                    f"{entry.input_size} px."
                ) from error
