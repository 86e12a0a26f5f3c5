"""Which superpixels LIME keeps in its n-th sample: drawn one by one, or laid out so that fewer samples tell as much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Keep = NDArray[np.bool_]
IRREDUCIBLE = {6: 0b1000011, 7: 0b10000011, 8: 0b100011011}  # polynomials of the fields of 2^6, 2^7 and 2^8 elements


def bernoulli(count: int, parts: int, seed: int) -> Keep:
    """Rows `(count, parts)`: each part kept or not by the toss of a coin, as lime does it; the first keeps all."""
    keep = np.ones((count, parts), dtype=np.bool_)
    keep[1:] = np.random.default_rng(seed).random((max(count - 1, 0), parts)) < 0.5
    return keep


def orthogonal(count: int, parts: int, seed: int) -> Keep:
    """Rows `(count, parts)` each uniform as lime's, but balanced among each other; the first keeps all.

    Rows come in pairs of complements, which cancels the interactions of two parts and of every even number. The pairs
    run through the words of the dual of a two-error-correcting BCH code (Bose & Ray-Chaudhuri 1960), column by column
    an element x and its cube: in every 2^(k+1) rows (k = 6 up to 64 parts, 7 up to 128, 8 above) no two parts are
    correlated, and in all 2^(2k+1) of them no part with any three others (an orthogonal array of strength 5,
    Rao 1947). Which part is which column, and which of its values means kept, is drawn from `seed` for each such round.
    """
    keep = np.ones((count, parts), dtype=np.bool_)
    pairs = count // 2  # rows 1 and 2, 3 and 4, ...
    bits = max(6, (parts - 1).bit_length())
    laps = [_lap(min(pairs - at, 4**bits), parts, bits, [seed, lap]) for lap, at in enumerate(range(0, pairs, 4**bits))]
    if laps:
        first = np.concatenate(laps)
        both = np.stack([first, ~first], axis=1).reshape(-1, parts)
        keep[1:] = both[: count - 1]
    return keep


def _lap(pairs: int, parts: int, bits: int, seed: list[int]) -> Keep:
    """The first rows of `pairs` pairs of one round, `(pairs, parts)`."""
    rng = np.random.default_rng(seed)
    elements = rng.permutation(2**bits)[:parts]
    kept = rng.integers(0, 2, parts)
    order = np.concatenate([block * 2**bits + rng.permutation(2**bits) for block in range(-(-pairs // 2**bits))])
    codes = np.array([_cube(int(element), bits) << bits | int(element) for element in elements])
    words = order[:pairs, None] & codes  # (pairs, parts)
    return np.asarray((np.bitwise_count(words) + kept) % 2 == 1)


def _cube(element: int, bits: int) -> int:
    return _product(_product(element, element, bits), element, bits)


def _product(first: int, second: int, bits: int) -> int:
    """The product of two elements of the field of 2^`bits` elements, polynomials over 0 and 1 as whole numbers."""
    total = 0
    while second:
        total ^= first * (second & 1)
        first, second = first << 1, second >> 1
        first ^= IRREDUCIBLE[bits] * (first >> bits)
    return total


DESIGNS: dict[str, Callable[[int, int, int], Keep]] = {"orthogonal": orthogonal, "bernoulli": bernoulli}
