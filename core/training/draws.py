"""Random numbers for a batch that several processes share: drawn for the whole of it, handed out for one's own part."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def seeded(*numbers: int, device: torch.device | str = "cpu") -> Generator:
    """A generator of its own for each (seed, epoch, step): a resumed run draws what an uninterrupted one would."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63)
    return Generator(device).manual_seed(seed)


class Draws:
    """Draws for `count` images, of which those numbered `part` `(n,) int64` are handed out, all by default.

    An image's numbers so depend on its place in the whole batch alone, not on how many processes share it.
    """

    def __init__(self, random: Generator, count: int, part: Tensor | None = None) -> None:
        self.random, self.total = random, count
        self.device = random.device
        self._part = None if part is None else part.to(self.device)

    @property
    def count(self) -> int:
        """How many images the numbers handed out are for."""
        return self.total if self._part is None else len(self._part)

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn if self._part is None else drawn[self._part]

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """`(n,)` uniform in [low, high)."""
        drawn = torch.rand(self.total, generator=self.random, device=self.device)
        return self._own(drawn * (high - low) + low)

    def normal(self, *shape: int) -> Tensor:
        """`(n, *shape)` standard normal."""
        return self._own(torch.randn(self.total, *shape, generator=self.random, device=self.device))

    def shared(self, low: float, high: float) -> float:
        """One number for the whole batch."""
        return float(torch.rand(1, generator=self.random, device=self.device)) * (high - low) + low

    def noise(self, chosen: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`(m, *shape)` standard normal for the m images where `chosen` `(n,)` is true, each from a seed of its own."""
        top = 2**31 - 1
        seeds = self._own(torch.randint(top, (self.total,), generator=self.random, device=self.device))
        rows = []
        for seed in seeds[chosen].tolist():
            generator = Generator(self.device).manual_seed(seed)
            rows.append(torch.randn(shape, generator=generator, device=self.device))
        return torch.stack(rows) if rows else torch.empty(0, *shape, device=self.device)
