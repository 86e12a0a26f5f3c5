"""A class of simulated browsers on a real server: `python -m benchmarks classroom`."""
