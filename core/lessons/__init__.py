"""Lessons: guided tours of some steps, one Markdown file with a TOML head each, read and checked; and those shipped."""
