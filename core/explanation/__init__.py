"""Explanations: where in the picture the evidence for each class lies, as raw values; colour comes last."""
