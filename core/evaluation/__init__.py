"""Evaluation: a model's answers to labelled images, and everything that is said of them."""

from core.evaluation.predict_set import answer_table, ask_all, score_of

__all__ = ["answer_table", "ask_all", "score_of"]
