"""Auditing models on labelled images: steps that end in findings, and a report that says them in plain words."""
