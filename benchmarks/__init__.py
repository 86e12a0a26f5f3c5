"""The same work done by this engine and measured: scripts that print the figures that are published."""
