"""Training runs: their directories, the queue in which they wait, and how they are started and stopped."""
