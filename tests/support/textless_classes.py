"""The classes that no text shows."""

from __future__ import annotations

from iluvatar_bench.bugs import BugClass

NOT_IN_WORDS = frozenset({BugClass.RESOURCES_CHANGED})
"""Known by evidence alone. Looked for in the sources of runc, crun, runsc, containerd, dockerd,
podman, CRI-O, LXC, Nomad and Kata: none says that a limit is not what a container was made with.
The nearest are refusals of an update, and runsc, which warns that the limits of a container
differ from those of its checkpoint (runsc/specutils/restore.go) and means the user's own."""
