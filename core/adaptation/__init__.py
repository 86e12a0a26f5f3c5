"""Fitting a trained model to another laboratory by a few labelled cells of it."""
