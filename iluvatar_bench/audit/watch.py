"""Follows containerd's events, and reports a container that is created in a way that can fail."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iluvatar_bench.audit.clients import client_of
from iluvatar_bench.audit.read.spec_view import cgroup_of, has_own_pid_namespace
from iluvatar_bench.audit.read.state import HostState, NamespaceState
from iluvatar_bench.audit.read.state_reader import (
    SYSTEM_SOCKET,
    ImageReading,
    open_reader,
    read_images,
    read_namespace,
    usable_snapshotters,
)
from iluvatar_bench.audit.rules.broken_rule import Rule
from iluvatar_bench.audit.rules.cgroup_paths import (
    CGROUP_NESTED,
    CGROUP_OF_EXAMPLE,
    CGROUP_SHARED,
    is_of_example,
    lies_below,
)
from iluvatar_bench.audit.rules.context import NamespaceView, view_of
from iluvatar_bench.audit.rules.processes import (
    PID_NAMESPACE,
    SPEC_UNREADABLE,
)
from iluvatar_bench.audit.rules.references import PARENT_NOT_HELD
from iluvatar_bench.audit.rules.snapshot_of_record import broken_by_snapshot_of
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.errors import Unavailable, UsageError

_CREATED = "/containers/create"
_IMAGES_SECONDS = 10.0


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
        looks = _Looks(await usable_snapshotters(client))
        async for event in client.events.subscribe([f'topic=="{_CREATED}"{chosen}']):
            if event.container_id is None:
                continue
            one = Client(client.channel.under(event.namespace))
            alarm = await looks.look(one, event.container_id, event.timestamp)
            if alarm is not None:
                yield alarm
        raise Unavailable(
            operation="Events.Subscribe",
            subject="",
            namespace=namespace or "",
            detail="the daemon ended the stream",
        )


class _Looks:
    """Looks at containers that have just been made.

    The images of a namespace change seldom and take the most requests: they are read anew when
    they are some seconds old, and before a container is blamed by them.
    """

    def __init__(self, snapshotters: tuple[str, ...]) -> None:
        self._snapshotters = snapshotters
        self._images: dict[str, tuple[float, ImageReading]] = {}

    async def look(self, client: Client, container_id: str, at: datetime | None) -> Alarm | None:
        """What the container's record breaks; None where it breaks nothing, or is gone."""
        state, broken = await self._broken(client, container_id, fresh=False)
        if PARENT_NOT_HELD in broken:
            state, broken = await self._broken(client, container_id, fresh=True)
        if not broken:
            return None
        record = state.records[container_id]
        name = client_of(record)
        others = [other for other in state.records.values() if other is not record]
        return Alarm(
            at=at,
            namespace=client.namespace,
            container_id=container_id,
            rules=broken,
            client=name,
            others=sum(client_of(other) == name for other in others),
        )

    async def _broken(
        self, client: Client, container_id: str, *, fresh: bool
    ) -> tuple[NamespaceState, tuple[Rule, ...]]:
        images = await self._read_images(client, fresh=fresh)
        state = await read_namespace(client, self._snapshotters, images)
        view = view_of(state, HostState(), datetime.now(UTC))
        return state, tuple(_broken_by_record(view, container_id))

    async def _read_images(self, client: Client, *, fresh: bool) -> ImageReading:
        now = time.monotonic()
        read_at, images = self._images.get(client.namespace, (-math.inf, None))
        if images is None or fresh or now - read_at > _IMAGES_SECONDS:
            images = await read_images(client)
            self._images[client.namespace] = (now, images)
        return images


def _broken_by_record(view: NamespaceView, container_id: str) -> Iterator[Rule]:
    record = view.state.records.get(container_id)
    if record is None:
        return
    if record.spec_problem:
        yield SPEC_UNREADABLE
        return
    yield from broken_by_snapshot_of(view, container_id)
    cgroup = cgroup_of(record)
    beside = {cgroup_of(other) for other in view.state.records.values() if other.id != container_id}
    if cgroup is not None and cgroup in beside:
        yield CGROUP_SHARED
    elif is_of_example(record):
        yield CGROUP_OF_EXAMPLE
    if cgroup is not None and any(lies_below(cgroup, other) for other in beside):
        yield CGROUP_NESTED
    if not has_own_pid_namespace(record):
        yield PID_NAMESPACE
