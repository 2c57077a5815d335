"""An observation of a stand-in daemon, a month in minutes: what it holds after so many containers.

``python -m tests.support.observed_soak CONTAINERS FOLDER [SECONDS]`` prints a JSON document a line:
how many containers had ended, and the bytes that ``observe`` and the reader beside it had resident.
The last line is the growth a container since :data:`FULL` of them, with its 95 % interval. It ends
before its time after SECONDS.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
from google.protobuf.timestamp_pb2 import Timestamp

from iluvatar_bench.containerd._api import containers_pb2, event_payloads_pb2, types_pb2
from tests.observe.observing import Observing, observing
from tests.support.fake_containerd import FakeContainerd, FakeTask, fake_containerd
from tests.support.own_resources import Slope, slope

AT_A_TIME = 20
FAILS = 10
"""One of so many ends by itself with status 1."""

FULL = 20_000
"""By then all that is remembered of the last ones (forks, signals, snapshots, ends) is full."""


class Stand:
    """A daemon whose containers live as long as their events take to be told.

    Each has a process that is killed, so that the kernel's record of signals grows as on a node.
    """

    def __init__(self, fake: FakeContainerd) -> None:
        self.fake = fake

    async def live(self, number: int) -> None:
        """One container, from its snapshot to its removal."""
        fake, name = self.fake, f"function-{number % 7}-{number:08d}"
        status = 1 if number % FAILS == 0 else 0
        fake.snapshots.add(name)
        fake.emit("/snapshot/prepare", event_payloads_pb2.SnapshotPrepare(key=name, parent="p"))
        record = containers_pb2.Container(id=name, image="hello:1", labels={"owner": "worker"})
        record.spec.value = b'{"linux": {"cgroupsPath": "/soak/%d"}}' % number
        fake.containers[name] = record
        fake.emit("/containers/create", event_payloads_pb2.ContainerCreate(id=name))
        pid = _begun()
        task = fake.tasks[name] = FakeTask(pid=pid)
        fake.emit("/tasks/create", self._made(name, pid))
        fake.emit("/tasks/start", event_payloads_pb2.TaskStart(container_id=name, pid=pid))
        await asyncio.sleep(0.01)
        _end(pid)
        now = Timestamp()
        now.GetCurrentTime()
        ended = {"container_id": name, "pid": pid, "exit_status": status, "exited_at": now}
        fake.emit("/tasks/exit", event_payloads_pb2.TaskExit(id=name, **ended))
        task.ended.set()
        fake.emit("/tasks/delete", event_payloads_pb2.TaskDelete(**ended))
        del fake.tasks[name], fake.containers[name]
        fake.snapshots.discard(name)
        fake.emit("/snapshot/remove", event_payloads_pb2.SnapshotRemove(key=name))
        fake.emit("/containers/delete", event_payloads_pb2.ContainerDelete(id=name))
        # What it was asked says nothing here.
        fake.calls.clear()

    def _made(self, name: str, pid: int) -> Any:
        layers = ":".join(f"/soak/layers/{layer}/fs" for layer in range(6))
        options = [f"{kind}dir=/soak/{name}/{kind}" for kind in ("work", "upper")]
        mount = types_pb2.Mount(
            type="overlay", source="overlay", options=[*options, f"lowerdir={layers}"]
        )
        output = event_payloads_pb2.TaskIO(stdout=f"/soak/{name}.out", stderr=f"/soak/{name}.err")
        return event_payloads_pb2.TaskCreate(
            container_id=name, bundle=f"/soak/{name}", rootfs=[mount], io=output, pid=pid
        )


def _begun() -> int:
    return os.posix_spawn("/bin/sleep", ["sleep", "600"], {})


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def soak(containers: int, folder: Path, *, every: int) -> AsyncGenerator[dict[str, float]]:
    """Observe so many containers; what is held after each ``every`` of them.

    No more than :data:`AT_A_TIME` are ahead of what has been told of them.
    """
    socket = folder / "c.sock"
    async with (
        fake_containerd(socket) as fake,
        observing(socket, folder / "observed") as watching,
    ):
        stand, began, told = Stand(fake), time.monotonic(), 0
        for first in range(0, containers, AT_A_TIME):
            numbers = range(first, min(first + AT_A_TIME, containers))
            await asyncio.gather(*map(stand.live, numbers))
            # Only their number matters from here on.
            await watching.wait_for("trial", len(numbers))
            told += len(numbers)
            watching.documents.clear()
            watching.errors.clear()
            if told % every < AT_A_TIME:
                seconds = time.monotonic() - began
                yield {"containers": told, "seconds": seconds, **resident(watching)}
        await watching.end()


def resident(watching: Observing) -> dict[str, float]:
    """What the observer holds, the reader beside it, and both."""
    own = psutil.Process(watching.process.pid)
    observer = own.memory_info().rss
    reader = sum(one.memory_info().rss for one in own.children(recursive=True))
    return {"observer": observer, "reader": reader, "bytes": observer + reader}


def growth(held: Sequence[Mapping[str, float]], *, after: int = FULL) -> Slope:
    """Bytes a container, from so many containers on."""
    late = [row for row in held if row["containers"] > after]
    return slope([row["containers"] for row in late], [row["bytes"] for row in late], blocks=10)


async def _main(containers: int, folder: Path, most_seconds: float) -> None:
    held = []
    async with aclosing(soak(containers, folder, every=max(AT_A_TIME, containers // 200))) as rows:
        async for row in rows:
            held.append(row)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
            if row["seconds"] > most_seconds:
                break
    load = psutil.getloadavg()[0]
    sys.stdout.write(f"{growth(held)} bytes a container; load {load:.1f} at the end\n")


if __name__ == "__main__":
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else math.inf
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2]), seconds))
