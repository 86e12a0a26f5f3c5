"""What tests in a real browser share."""

PATIENCE = 120_000  # ms
