"""Noise solvers, one file each. Vectorised over rows, and proven equal to the diffusers scheduler of that name."""
