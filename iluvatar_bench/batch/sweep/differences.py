"""What differs between the hosts of a sweep: versions that must not, and facts that may. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iluvatar_bench.stats.run_comparison import HOST_FACTS


def unequal_versions(
    here: Mapping[str, str], others: Mapping[str, Mapping[str, str | None]]
) -> str | None:
    """What differs from here, in one line; None where nothing does.

    ``others`` are the versions by the name of a host. What a side does not know is not compared.
    """
    told = []
    for name, version in here.items():
        unlike: dict[str, list[str]] = {}
        for host, versions in others.items():
            found = versions.get(name)
            if found is not None and found != version:
                unlike.setdefault(found, []).append(host)
        told += [
            f"{name} is {version} here and {found} on {', '.join(hosts)}"
            for found, hosts in unlike.items()
        ]
    return "; ".join(told) or None


def unequal_hosts(facts: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The facts in which the hosts differ that can decide whether a container fails, a text each.

    They are those by which ``compare`` refuses to compare runs.
    """
    told = []
    for name in HOST_FACTS:
        by_value: dict[str, list[str]] = {}
        for host, values in facts.items():
            by_value.setdefault(str(values.get(name)), []).append(host)
        if len(by_value) > 1:
            parts = (f"{value} on {', '.join(hosts)}" for value, hosts in by_value.items())
            told.append(f"{name}: {'; '.join(parts)}")
    return tuple(told)
