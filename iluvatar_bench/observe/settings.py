"""What is to be observed, and within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iluvatar_bench.host.segments import SEGMENT_BYTES

MOST_LIVES = 10_000
"""Containers that are followed at the same time; what comes beyond is counted, and not followed."""

MOST_SNAPSHOTS = 4096
"""Snapshots that were prepared or removed lately, and are remembered."""

MOST_SEGMENTS = 8
"""Of what is only seen (events, deaths, samples, counters) the last segments are kept."""

MOST_SIGNALS = 4000
"""Signals that are remembered: a testimony is asked for within seconds of an end, and so many are
minutes of a workload that kills twenty times a second."""

MOST_LEASES = 2000
"""Leases that are remembered, to see which of them have gone."""

MOST_CLIENTS = 50
"""Clients that are counted each by itself: names come from labels that anybody may set."""

OTHERS = "others"
"""In the place of the names of all further clients."""

MOST_EVENTS_EACH = 40
"""Events of one container that are remembered while it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveSettings:
    """One observation of one containerd.

    ``namespaces`` are containerd's (empty: all), ``labels`` what a container's record must say to
    be followed (empty: every container is). ``sample_seconds`` is the period of the memory poller
    and of the cgroup counters (0: neither is read), ``look_seconds`` that of the look at the
    snapshots of running containers. ``logs`` are files that workers write, to be followed.
    """

    address: Path
    out: Path
    namespaces: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    witness: bool = True
    with_args: bool = False
    sample_seconds: float = 10.0
    look_seconds: float = 2.0
    logs: tuple[Path, ...] = ()
    segment_bytes: int = SEGMENT_BYTES

    @property
    def filters(self) -> tuple[str, ...]:
        """What the daemon is asked for: containerd's filters, any of which lets an event through.

        Topics of other programs are passed over.
        """
        chosen = [f',namespace=="{name}"' for name in self.namespaces] or [""]
        topics = "^/(tasks|containers|snapshot)/"
        return tuple(f'topic~="{topics}"{namespace}' for namespace in chosen)
