"""A scene for a model that is thrown away afterwards."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from core.explanation.scene import Scene

T = TypeVar("T")


class Aside(Scene):
    """The scene as a passing model sees it: superpixels and baselines are the scene's, its own results stay here.

    What belongs to the model is told by `mark`, which stands in its identity and so in every key of its results.
    """

    def __init__(self, scene: Scene, mark: str) -> None:
        super().__init__(scene.rgb, scene.given_mask)
        self._whole = scene
        self._mark = mark

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """As `Scene.shared`, here or in the whole scene."""
        if self._mark in repr(key):
            return super().shared(key, make)
        return self._whole.shared(key, make)
