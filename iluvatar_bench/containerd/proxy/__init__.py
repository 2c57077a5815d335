"""A recording proxy between a client and containerd."""
