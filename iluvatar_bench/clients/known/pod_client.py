"""A pod's whole life through the CRI plugin, in the kubelet's order.

    python -m iluvatar_bench.clients.known.pod_client NAME IMAGE

Where the socket is says CONTAINERD_ADDRESS. As the kubelet does, it removes what has the pod's name
before it begins, and after an error asks for the pod by its name: of a call whose answer was lost
it knows no id.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.services.pods import NAMESPACE, Pods
from iluvatar_bench.errors import (
    AnswerLost,
    DaemonFault,
    IluvatarBenchError,
    ProcessDied,
    Unreachable,
)
from iluvatar_bench.host.first_error import cleaned_up

_SLEEP = ("python3", "-S", "-E", "-c", "import time; time.sleep(60)")
_ASK_SECONDS = 0.2


async def run_pod_once(pods: Pods, name: str, image: str) -> None:
    """Run a pod with one container, see it run, and remove both.

    Raises:
        IluvatarBenchError: a part of that failed; the pod is removed all the same.
    """
    await _remove_named(pods, name)
    async with cleaned_up(partial(_remove_patiently, pods, name), only_after_failure=True):
        pod = await pods.run(name)
        container = await pods.create_container(pod, name, image=image, command=_SLEEP)
        await pods.start_container(container)
        if not await pods.is_running(container):
            raise ProcessDied("its process does not run after StartContainer", container_id=name)
        await pods.stop_container(container)
        await pods.remove_container(container)
        await pods.stop(pod)
        await pods.remove(pod)


async def _remove_named(pods: Pods, name: str) -> None:
    for pod in await pods.named(name):
        await pods.stop(pod)
        await pods.remove(pod)


async def _remove_patiently(pods: Pods, name: str) -> None:
    """The same, until it is done, as the kubelet does; ``cleaned_up`` bounds it.

    A plugin that has just begun refuses everything for a moment, as UNKNOWN (containerd 1.6.20,
    pkg/cri/server/instrumented_service.go, checkInitialized).
    """
    while True:
        try:
            await _remove_named(pods, name)
            return
        except (AnswerLost, DaemonFault, Unreachable):
            await asyncio.sleep(_ASK_SECONDS)


async def _main(name: str, image: str) -> None:
    async with Channel(Path(os.environ["CONTAINERD_ADDRESS"]), namespace=NAMESPACE) as channel:
        await run_pod_once(Pods(channel), name, image)


if __name__ == "__main__":
    try:
        asyncio.run(_main(*sys.argv[1:]))
    except IluvatarBenchError as error:
        sys.exit(str(error))
