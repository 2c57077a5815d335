"""Follows containerd's events, and reports a container that is created in a way that can fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.audit.clients import client_of
from iluvatar_bench.audit.read.held import record_roots
from iluvatar_bench.audit.read.spec_view import cgroup_of, has_own_pid_namespace, needs_snapshot
from iluvatar_bench.audit.read.state_reader import SYSTEM_SOCKET, open_reader
from iluvatar_bench.audit.rules.broken_rule import Rule
from iluvatar_bench.audit.rules.cgroup_paths import (
    CGROUP_NESTED,
    CGROUP_OF_EXAMPLE,
    CGROUP_SHARED,
    is_of_example,
    lies_below,
)
from iluvatar_bench.audit.rules.processes import (
    PID_NAMESPACE,
    SPEC_UNREADABLE,
)
from iluvatar_bench.audit.rules.snapshots import NOT_NAMED
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.errors import NotFound, Unavailable, UsageError

_CREATED = "/containers/create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A container that was created in a way that can fail.

    ``others`` counts the other containers of the same client in this namespace at that moment.
    """

    at: datetime | None
    namespace: str
    container_id: str
    rules: tuple[Rule, ...]
    client: str
    others: int

    def __str__(self) -> str:
        when = f"{self.at:%H:%M:%S.%f}"[:-3] if self.at else "?"
        broken = ", ".join(rule.name for rule in self.rules)
        classes = dict.fromkeys(str(c) for rule in self.rules for c in rule.bug_classes)
        possible = f" (can end as {', '.join(classes)})" if classes else ""
        return (
            f"{when} {self.namespace}/{self.container_id}: {broken}{possible}; "
            f"client {self.client} has {self.others} other containers"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "at": self.at.isoformat() if self.at else None,
            "namespace": self.namespace,
            "container": self.container_id,
            "rules": [rule.name for rule in self.rules],
            "fixes": [rule.fix for rule in self.rules],
            "client": self.client,
            "other_containers": self.others,
        }


async def watch_daemon(
    address: Path = SYSTEM_SOCKET,
    *,
    namespace: str | None = None,
) -> AsyncGenerator[Alarm]:
    """Alarms as they come, until the daemon ends or the iterator is closed.

    A container that is gone before it can be looked at is passed over. Containerd does not tell
    when it has accepted a subscription: what is created in the first moments may be missed.

    Raises:
        UnusablePath, Unreachable, UsageError: as :func:`audit_daemon`.
        AnswerLost: the event stream broke, because the daemon ended.
    """
    async with open_reader(address) as client:
        if namespace is not None and namespace not in await client.namespaces.list():
            raise UsageError(f"no namespace {namespace!r} in this containerd")
        chosen = f',namespace=="{namespace}"' if namespace else ""
        async for event in client.events.subscribe([f'topic=="{_CREATED}"{chosen}']):
            if event.container_id is None:
                continue
            one = Client(client.channel.under(event.namespace))
            alarm = await _look(one, event.container_id, event.timestamp)
            if alarm is not None:
                yield alarm
        raise Unavailable(
            operation="Events.Subscribe",
            subject="",
            namespace=namespace or "",
            detail="the daemon ended the stream",
        )


async def _look(client: Client, container_id: str, at: datetime | None) -> Alarm | None:
    records = {record.id: record for record in await client.containers.list()}
    record = records.pop(container_id, None)
    if record is None:
        return None
    broken = tuple([rule async for rule in _broken(client, record, records)])
    if not broken:
        return None
    name = client_of(record)
    return Alarm(
        at=at,
        namespace=client.namespace,
        container_id=container_id,
        rules=broken,
        client=name,
        others=sum(client_of(other) == name for other in records.values()),
    )


async def _broken(
    client: Client, record: ContainerRecord, others: dict[str, ContainerRecord]
) -> AsyncIterator[Rule]:
    if record.spec_problem:
        yield SPEC_UNREADABLE
        return
    unnamed = needs_snapshot(record) and not list(record_roots(record))
    if unnamed and not await _leased(client, record.id):
        yield NOT_NAMED
    cgroup = cgroup_of(record)
    beside = {cgroup_of(other) for other in others.values()}
    if cgroup is not None and cgroup in beside:
        yield CGROUP_SHARED
    elif is_of_example(record):
        yield CGROUP_OF_EXAMPLE
    if cgroup is not None and any(lies_below(cgroup, other) for other in beside):
        yield CGROUP_NESTED
    if not has_own_pid_namespace(record):
        yield PID_NAMESPACE


async def _leased(client: Client, container_id: str) -> bool:
    """Whether some lease holds a snapshot that goes by the container's name."""
    for lease in await client.leases.list():
        try:
            held = await client.leases.resources(lease)
        except NotFound:
            continue
        if any(x.type.startswith("snapshots/") and container_id in x.id for x in held):
            return True
    return False
