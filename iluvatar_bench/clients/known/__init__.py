"""Clients of containerd that need no COMMAND: those of this machine, our own, and public orders."""
