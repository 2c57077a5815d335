"""A grid of runs on the workers of a Dask scheduler, or on processes of this host's own."""
