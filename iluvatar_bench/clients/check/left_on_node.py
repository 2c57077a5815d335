"""What a run of a client left on the node, by name; and its removal."""

from __future__ import annotations

import glob
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from iluvatar_bench.clients.check.made import Made
from iluvatar_bench.clients.check.positions import ID
from iluvatar_bench.clients.check.presence import is_there
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.tasks_end import end_container_task
from iluvatar_bench.containerd.daemon.teardown import RUNC_HOME
from iluvatar_bench.containerd.values import ContainerRecord, LeaseInfo
from iluvatar_bench.errors import ContainerdError, NotFound
from iluvatar_bench.host.kernel.shims import same_socket, visible_shims

FIFO_HOME = Path("/run/containerd/fifo")
"""Where containerd's own client makes the pipes of a container (containerd, cio/io_unix.go)."""

_RANDOM = re.compile("[0-9a-f]{64}(-init)?")
"""A name that a client gave by chance, as the CRI plugin and Docker do; a digest has its algorithm
in front."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left: kinds with names, and the leases that end by themselves with their ends."""

    names: tuple[tuple[str, str], ...] = ()
    expiring: tuple[tuple[str, datetime], ...] = ()

    def words(self, container_id: str) -> tuple[str, ...]:
        """Each in words, with the run's own name as ``{id}``, and without random names."""
        return tuple(
            kind
            if (kind in ("pipes", "lease") and container_id not in name) or _RANDOM.fullmatch(name)
            else f"{kind} {name}".replace(container_id, ID)
            for kind, name in self.names
        )


async def left_by(client: Client, address: Path, made: Made, container_id: str) -> Left:
    """What is left of a run; to be asked after a collection.

    What only a lease holds that ends by itself is not counted: the lease is named.
    """
    names: list[tuple[str, str]] = [("pipes", path.name) for path in pipes_of(container_id)]
    expiring: list[tuple[str, datetime]] = []
    for namespace in made.namespaces:
        under = client.under(namespace)
        records = {record.id: record for record in await under.containers.list()}
        ids = _ids(made, namespace, container_id, records.values())
        names += await _containers(under, address, frozenset(records), ids)
        leases = [
            lease for lease in await under.leases.details() if (namespace, lease.id) in made.leases
        ]
        expiring += [(lease.id, lease.expires_at) for lease in leases if lease.expires_at]
        names += [("lease", lease.id) for lease in leases if lease.expires_at is None]
        held = {(r.snapshotter, r.snapshot_key) for r in records.values()}
        for thing in made.ever:
            if thing.namespace != namespace or not await is_there(client, thing):
                continue
            if (thing.snapshotter, thing.name) in held or not _expiring(leases):
                names.append((thing.kind, thing.name))
        images = {image.name for image in await under.images.list()}
        names += [
            ("image", name) for space, name in made.images if space == namespace and name in images
        ]
    return Left(tuple(names), tuple(expiring))


def _ids(
    made: Made, namespace: str, container_id: str, records: Iterable[ContainerRecord]
) -> set[str]:
    """The names of a run's containers in a namespace; those too that carry its own in a label.

    Of a pod whose making was not answered the client knows nothing else.
    """
    labelled = {record.id for record in records if container_id in record.labels.values()}
    return {name for space, name in made.records if space == namespace} | {container_id} | labelled


async def _containers(
    under: Client, address: Path, records: frozenset[str], ids: set[str]
) -> list[tuple[str, str]]:
    tasks = {task.container_id for task in await under.tasks.list()}
    shims = {
        shim.container_id
        for shim in visible_shims()
        if shim.container_id in ids
        and shim.namespace == under.namespace
        and same_socket(shim.address, address)
    }
    return [
        (kind, name)
        for name in sorted(ids)
        for kind, there in (
            ("record", name in records),
            ("task", name in tasks),
            ("shim", name in shims - tasks),
            ("runc state", name not in tasks and (RUNC_HOME / under.namespace / name).exists()),
        )
        if there
    ]


def _expiring(leases: list[LeaseInfo]) -> bool:
    return any(lease.expires_at is not None for lease in leases)


def pipes_of(container_id: str) -> tuple[Path, ...]:
    """Folders of pipes that containerd's own client made for a container and left."""
    # Not Path.glob, which fails where a folder goes away while it looks: other clients' pipes do.
    found = glob.glob(f"*/{glob.escape(container_id)}-std*", root_dir=FIFO_HOME)  # noqa: PTH207
    return tuple(sorted({FIFO_HOME / Path(path).parent for path in found}))


async def remove_left(client: Client, made: Made, container_id: str) -> list[str]:
    """Remove by name whatever a run made or may have made.

    Returns what could not be removed, with the reason. Content goes at the next collection.

    Raises:
        ContainerdError: the daemon does not say what there is.
    """
    problems = []
    async for remove in _removals(client, made, container_id):
        try:
            await remove()
        except NotFound:
            continue
        except ContainerdError as error:
            problems.append(str(error))
    for folder in pipes_of(container_id):
        # Its client may end late, and takes them along.
        with suppress(FileNotFoundError):
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()
    return problems


async def _removals(
    client: Client, made: Made, container_id: str
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    for namespace in made.namespaces:
        under = client.under(namespace)
        records = {record.id: record for record in await under.containers.list()}
        for name in _ids(made, namespace, container_id, records.values()):
            # Never its whole cgroup: which one that is, the client chose.
            yield partial(end_container_task, under, name, all_processes=False)
            yield partial(under.containers.delete, name)
            record = records.get(name)
            if record is not None and record.snapshot_key:
                yield partial(under.snapshots(record.snapshotter).remove, record.snapshot_key)
        for space, lease in made.leases:
            if space == namespace:
                yield partial(under.leases.delete, lease)
        for space, image in made.images:
            if space == namespace:
                yield partial(under.images.delete, image)
        # Those that stand on others first.
        for thing in reversed(tuple(made.ever)):
            if thing.kind == "snapshot" and thing.namespace == namespace:
                yield partial(under.snapshots(thing.snapshotter).remove, thing.name)
