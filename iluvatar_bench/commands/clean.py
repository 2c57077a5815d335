"""``clean``: what killed runs left on this host."""

from __future__ import annotations

import asyncio

from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import EnvironmentProblem


def clean_command() -> None:
    """Remove what a killed run left on this host, and nothing else."""
    left = asyncio.run(_clean())
    print_plain(
        "nothing of a killed run is left" if not left else "some of it could not be removed"
    )
    if left:
        raise EnvironmentProblem(f"could not remove: {'; '.join(left)}")


async def _clean() -> list[str]:
    from iluvatar_bench.containerd.daemon.abandoned import (
        remove_abandoned_networks,
        remove_abandoned_place,
    )
    from iluvatar_bench.containerd.daemon.place import abandoned_places

    left: list[str] = []
    for place in abandoned_places():
        left += await remove_abandoned_place(place)
        print_plain(f"removed {place.id}: its daemon, containers, mounts, cgroups, folders")
    return [*left, *await remove_abandoned_networks()]
