"""Explanations by this engine and by the upstream libraries: same picture, model and machine, in one run."""
