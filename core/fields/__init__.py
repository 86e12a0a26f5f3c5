"""Whole photographs of a smear: every white cell found, named by the models, and counted."""
