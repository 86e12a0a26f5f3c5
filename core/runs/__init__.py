"""Training runs: their directories, the line in which they wait, and how they are started and stopped."""
