"""One file an explanation method: its controls, its entry, and the estimator that computes it."""
