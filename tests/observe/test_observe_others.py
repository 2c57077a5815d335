"""Kubernetes, Docker and ``ctr`` beside a worker of 2022: only its failures are told."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.clients.known import docker_client
from iluvatar_bench.clients.known.dockerd_program import dockerd_program
from iluvatar_bench.clients.known.pod_client import run_pod_once
from iluvatar_bench.containerd.client import NAMESPACE
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.teardown import remove_empty_homes
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.containerd.services.pods import Pods
from iluvatar_bench.errors import UsageError
from iluvatar_bench.runs import open_run
from tests.audit.clients import ctr, ctr_run
from tests.observe.observing import Observing, observing
from tests.observe.test_observe_daemon import (
    kill_beside_one_that_runs,
    lose_before_the_mount,
    remove_with_ctr,
)
from tests.support.pod_nodes import POD_IMAGE, pod_node

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

ROUNDS = 4
DOCKER = "observed-moby"
WELL = {"kubernetes": 2 * ROUNDS, "docker": ROUNDS, "ctr-*": 2 * ROUNDS}
"""A pod is two containers: its sandbox has one of its own."""

WORKER = "iluvatar_worker"
CONTAINERS = sum(WELL.values()) + 3 * ROUNDS


@asynccontextmanager
async def node_for_all(folder: Path) -> AsyncIterator[tuple[Node, ImportedImage]]:
    """A containerd with the CRI plugin, and the image in the namespaces of all clients."""
    async with pod_node(folder) as kubernetes:
        for namespace in (DOCKER, NAMESPACE):
            client = kubernetes.client.under(namespace)
            await client.namespaces.ensure(namespace)
            image = await import_layout(
                client, folder / "layout", name=POD_IMAGE, snapshotters=["overlayfs"]
            )
        try:
            yield replace(kubernetes, client=client), image
        finally:
            # What dockerd and ctr share with all of the host, by the namespace's name.
            for namespace in await client.namespaces.list():
                remove_empty_homes(namespace)


async def docker_containers(node: Node, mark: str) -> None:
    """Each by a dockerd of its own, from its start to its end."""
    places = {"CONTAINERD_ADDRESS": str(node.address), "CONTAINERD_NAMESPACE": DOCKER}
    for number in range(ROUNDS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", docker_client.__name__),
            *(f"docker-{mark}-{number}", POD_IMAGE, str(node.scratch / "docker")),
            env={**os.environ, **places},
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()


async def pods(node: Node, mark: str) -> None:
    """One pod after the other, as the kubelet makes and removes them."""
    for number in range(ROUNDS):
        await run_pod_once(Pods(node.client.channel), f"pod-{mark}-{number}", POD_IMAGE)


async def containers_of_ctr(node: Node, image: ImportedImage, mark: str) -> None:
    """One that is killed and removed by hand, and one that ends by itself."""
    cgroup = ("--runc-root", str(node.runc_root), "--cgroup", f"{node.cgroup_parent}/ctr-{mark}")
    for number in range(ROUNDS):
        await ctr_run(node, image, f"ctr-{mark}-{number}")
        await remove_with_ctr(node, f"ctr-{mark}-{number}")
        name = f"ctr-{mark}-{ROUNDS + number}"
        await ctr(node, "run", "--rm", *cgroup, image.name, name, "python3", "-c", "print('done')")


async def containers_of_2022(
    node: Node, image: ImportedImage, mark: str, *observers: Observing
) -> None:
    """A snapshot is collected before its mount; a neighbour's Kill ends one that runs."""
    for number in range(ROUNDS):
        await lose_before_the_mount(node, image, f"lost-{mark}-{number}", *observers)
        name = f"killed-{mark}-{number}"
        await kill_beside_one_that_runs(node, image, name, *observers, named_snapshot=True)


async def test_no_failure_is_told_of_clients_that_do_it_right(tmp_path: Path) -> None:
    """With the kernel's record and without it, side by side on the same containers."""
    try:
        dockerd_program()
    except UsageError as error:
        pytest.skip(str(error))
    # Digits, so that the names of one client are taken for alike.
    mark = f"{secrets.randbelow(10**6):06d}"
    async with (
        node_for_all(tmp_path) as (node, image),
        observing(node.address, tmp_path / "seen") as seen,
        observing(node.address, tmp_path / "unseen", "--no-witness") as unseen,
    ):
        await asyncio.gather(
            pods(node, mark),
            docker_containers(node, mark),
            containers_of_ctr(node, image, mark),
            containers_of_2022(node, image, mark, seen, unseen),
        )
        for watching in (seen, unseen):
            await watching.wait_for("trial", CONTAINERS)
            await watching.end()
    assert by_client(seen) == {
        **{(client, "ok"): count for client, count in WELL.items()},
        (WORKER, "failed"): 2 * ROUNDS,
        (WORKER, "ok"): ROUNDS,
    }
    assert {client for client, outcome in by_client(unseen) if outcome == "failed"} == {WORKER}
    assert by_client(unseen).total() == CONTAINERS
    run = open_run(tmp_path / "seen")
    assert run.caveat == ""
    assert run.manifest["counts"]["followed"] == CONTAINERS


def by_client(watching: Observing) -> Counter[tuple[str, str]]:
    """How many containers of each client had which outcome."""
    return Counter((one["client"], one["outcome"]) for one in watching.trials.values())
