"""Models in the formats of other runtimes, and what tells whether they still answer the same."""
