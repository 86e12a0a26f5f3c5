"""Experiments on cells: parts taken away or changed, what that does to answers, and whether maps foretell it."""
