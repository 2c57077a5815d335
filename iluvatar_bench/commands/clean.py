"""``clean``: what killed runs left on this host."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from iluvatar_bench.commands.called_as import program
from iluvatar_bench.commands.daemon import stop_daemons
from iluvatar_bench.commands.output import print_plain
from iluvatar_bench.errors import EnvironmentProblem


def clean_command(
    every: Annotated[
        bool, typer.Option("--all", help="the living daemons of daemon start too")
    ] = False,
) -> None:
    """Remove what a killed run left on this host, and nothing else.

    What a living process owns stays, and so do the daemons of `daemon start`, unless --all is
    given.
    """
    from iluvatar_bench.containerd.daemon.supervised import supervised_daemons

    left = asyncio.run(_clean())
    living = supervised_daemons()
    if every:
        stop_daemons(living)
    elif living:
        names = ", ".join(daemon.id for daemon in living)
        print_plain(f"left alone, because they live: {names} ({program()} daemon status)")
    print_plain(
        "nothing of a killed run is left" if not left else "some of it could not be removed"
    )
    if left:
        raise EnvironmentProblem(f"could not remove: {'; '.join(left)}")


async def _clean() -> list[str]:
    from iluvatar_bench.containerd.daemon.abandoned import (
        remove_abandoned_networks,
        remove_abandoned_place,
        remove_abandoned_traces,
        remove_killed_proxies,
    )
    from iluvatar_bench.containerd.daemon.outlived import remove_outlived
    from iluvatar_bench.containerd.daemon.place import abandoned_places

    left: list[str] = []
    for place in abandoned_places():
        left += await remove_abandoned_place(place)
        print_plain(f"removed {place.id}: its daemon, containers, mounts, cgroups, folders")
    proxies, stuck = remove_killed_proxies()
    for folder in proxies:
        print_plain(f"removed {folder}: of a proxy that was killed")
    left += stuck
    outlived, stuck = remove_outlived()
    for what in outlived:
        print_plain(f"removed {what}: its run is gone")
    left += stuck
    return [*left, *await remove_abandoned_networks(), *remove_abandoned_traces()]
