"""Images of the same photograph: found, grouped, and said where they stand on both sides of a split."""
