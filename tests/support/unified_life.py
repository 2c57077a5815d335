"""One container's life, told as JSON: run where cgroup version 2 is alone (tests/cgroup2_alone)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuildOptions, build_image, daemon_with, load_function
from iluvatar_bench.host.kernel import cgroups, controllers
from iluvatar_bench.host.kernel.processes import cgroup_of_process
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR


async def live() -> dict[str, Any]:
    built = build_image(load_function("hello"), BuildOptions("http_server", byte_code=True))
    profile = resolve_profile(
        "guarded", ["kill=all", "collection=quiet", "byte_code=shipped", "server=http_server"]
    )
    async with daemon_with([built], collector=QUIET_COLLECTOR) as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        container = Container(
            f"unified-{node.id}", node=node, image=image, profile=profile, kills=KillLog()
        )
        try:
            await container.create()
            await container.start()
            record = await node.client.containers.get(container.id)
            assert container.joined is not None
            told = {
                "mode": cgroups.mode(),
                "missing": controllers.missing_controllers(),
                "namespaces": [one["type"] for one in record.spec["linux"]["namespaces"]],
                "joined": container.joined.joined,
                "told": cgroup_of_process(container.pid) == container.cgroup,
                "member": container.pid in (cgroups.members(container.cgroup) or ()),
                "above": cgroups.controllers_above(container.cgroup),
            }
            await remove_container(container)
            told["left"] = cgroups.members(container.cgroup)
        finally:
            container.close()
        home = cgroups.hierarchies()[0] / node.cgroup_parent.lstrip("/")
    return {**told, "home": Path(home).exists()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(live())))  # noqa: T201
