"""What a run is ended by before its time."""

from __future__ import annotations

from core.errors import InputError


class Diverged(InputError):
    """The loss became infinite or no number at `step` of `epoch` (both from 0)."""

    def __init__(self, epoch: int, step: int) -> None:
        self.epoch, self.step = epoch, step
        super().__init__(
            f"The loss is no finite number any more in epoch {epoch + 1}, step {step + 1}: training has diverged. The "
            "state after the last good epoch is kept. Go on from there with --resume and a smaller --learning-rate "
            "(a tenth, say); if that fails too, look for broken images or a large class weight."
        )
