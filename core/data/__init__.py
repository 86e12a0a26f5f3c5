"""Data sets: where their images lie, what they are labelled, and packed copies to train on."""
