"""What the versions found on a host do that others do not, as far as the rules are concerned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from iluvatar_bench.audit.runtimes import shared_cgroup_effect

_Version = tuple[int, int, int]

_NOTES: tuple[tuple[Callable[[_Version], bool], str], ...] = (
    (
        lambda v: v < (1, 7, 0),
        "publishes no event when the collector removes a snapshot; only Snapshots.Stat and "
        "mountinfo tell",
    ),
    (
        lambda v: v >= (1, 7, 0),
        "publishes /snapshot/remove when the collector removes a snapshot",
    ),
    (
        lambda v: v < (1, 6, 32) or (1, 7, 0) <= v < (1, 7, 16),
        "may collect again within milliseconds of the last collection",
    ),
    (
        lambda v: (1, 6, 32) <= v < (1, 7, 0) or v >= (1, 7, 16),
        "lets at least 245 ms pass between two collections",
    ),
)
"""CONTAINERD.md, section 1."""


def version_notes(containerd: str, runtimes: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each behaviour that depends on a version found here.

    ``containerd`` is what the daemon says it is (``1.6.20~ds1``, ``v2.1.6``), ``runtimes`` what
    each OCI runtime prints of itself.
    """
    notes = []
    version = _parse(containerd)
    if version is not None:
        notes += [f"containerd {containerd} {text}" for holds, text in _NOTES if holds(version)]
    for runtime in runtimes:
        if runtime:
            notes.append(f"{runtime}: in a shared cgroup, {shared_cgroup_effect(runtime).effect}")
    return tuple(notes)


def _parse(text: str) -> _Version | None:
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
