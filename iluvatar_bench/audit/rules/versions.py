"""What the versions found on a host do that others do not, in words.

Which version does what is known in one place, ``containerd/versions.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iluvatar_bench.audit.rules.runtimes import shared_cgroup_effect
from iluvatar_bench.containerd.daemon.versions import (
    Release,
    announces_collections,
    release,
    rests_between_collections,
)


def version_notes(containerd: str, runtimes: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each behaviour that depends on a version found here.

    ``containerd`` is what the daemon says it is (``1.6.20~ds1``, ``v2.1.6``), ``runtimes`` what
    each OCI runtime prints of itself.
    """
    notes = []
    version = release(containerd)
    if version is not None:
        notes += [f"containerd {containerd} {text}" for text in _collector(version)]
    for runtime in runtimes:
        if runtime:
            notes.append(f"{runtime}: in a shared cgroup, {shared_cgroup_effect(runtime).effect}")
    return tuple(notes)


def _collector(version: Release) -> Iterator[str]:
    if announces_collections(version):
        yield "publishes /snapshot/remove when the collector removes a snapshot"
    else:
        yield (
            "publishes no event when the collector removes a snapshot; only Snapshots.Stat and "
            "mountinfo tell"
        )
    if rests_between_collections(version):
        yield "lets at least 245 ms pass between two collections"
    else:
        yield "may collect again within milliseconds of the last collection"
