"""What other clients do on the containerd of a run, while its containers live: ``--beside``.

An import and a pull as they should be, an unpacking that nothing holds, a commit that forgets the
labels, a prune of every lease that is there. Each is tried again and again; an attempt is judged as
a container's failure is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iluvatar_bench.bugs import attribute
from iluvatar_bench.bugs.evidence import Evidence
from iluvatar_bench.bugs.symptom import error_symptom
from iluvatar_bench.containerd.oci.commit import commit_container, require_whole
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout, read_layout
from iluvatar_bench.containerd.oci.layout_registry import served_layout
from iluvatar_bench.containerd.oci.pull import pull
from iluvatar_bench.containerd.services.snapshots import Snapshots
from iluvatar_bench.errors import AnswerLost, IluvatarBenchError, NotFound, UsageError, meant
from iluvatar_bench.host.first_error import cleaned_up
from iluvatar_bench.host.journal import Journal
from iluvatar_bench.host.set_within import set_within
from iluvatar_bench.host.task_group import task_group
from iluvatar_bench.records import Outcome

if TYPE_CHECKING:
    from iluvatar_bench.containerd.client import Client

NAMESPACES = {"import": "iluvatar-bench-beside", "pull": "iluvatar-bench-beside-pull"}
"""What comes again and again is unpacked in here: the run's own image stays as it is, and whoever
pulls finds nothing of what another has imported."""

USED_AFTER_SECONDS = 0.5
"""How long what nothing holds lies there before it is used: time for the collector."""

PAUSE_SECONDS = 0.1
"""Between two attempts."""


async def _some_time() -> None:
    await asyncio.sleep(USED_AFTER_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The containerd at ``address``, the image that is worked with, and its layout on disk."""

    client: Client
    address: Path
    image: ImportedImage
    layout: Path
    snapshotter: str
    reference: str = ""
    """Where the image can be pulled, over plain HTTP."""
    before_use: Callable[[], Awaitable[None]] = _some_time
    """What happens between the making of an image or a layer and its use."""


@dataclass(slots=True)
class Attempt:
    """One attempt: how it ended, and how many leases of others it has deleted."""

    kind: str
    attempt: int
    began_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    duration_ms: float = 0.0
    outcome: str = Outcome.OK
    bug_class: str | None = None
    mechanism: str | None = None
    leases_deleted: int | None = None
    error: str | None = None


async def _import(there: Surroundings, attempt: Attempt) -> None:
    """An image imported and unpacked under a lease, found whole, and removed again."""
    client = there.client.under(NAMESPACES["import"])
    name = f"beside-{attempt.attempt}"
    await import_layout(client, there.layout, name=name, snapshotters=(there.snapshotter,))
    await _look_through(client, name, there)


async def _pull(there: Surroundings, attempt: Attempt) -> None:
    """The same image pulled by containerd's own command line, found whole, and removed again."""
    client = there.client.under(NAMESPACES["pull"])
    await pull(
        there.address,
        there.reference,
        namespace=NAMESPACES["pull"],
        snapshotter=there.snapshotter,
        plain_http=True,
    )
    await _look_through(client, there.reference, there)


async def _look_through(client: Client, name: str, there: Surroundings) -> None:
    await require_whole(client, name)
    await client.snapshots(there.snapshotter).stat(there.image.chain_id)
    await client.images.delete(name)


async def _unpack(there: Surroundings, attempt: Attempt) -> None:
    """The image's layers unpacked without a lease or a label, and a snapshot on the last of them.

    Each layer is used somewhat later than it is made: until then nothing holds it.
    """
    snapshots = there.client.snapshots(there.snapshotter)
    layers = (await asyncio.to_thread(read_layout, there.layout)).layers
    own, parent = f"beside-{attempt.attempt}", ""
    async with AsyncExitStack() as stack:
        for number, layer in enumerate(layers):
            key, name = f"{own}-extract-{number}", f"{own}-layer-{number}"
            await stack.enter_async_context(_removed_after(snapshots, key))
            await there.client.diff.apply(layer, await snapshots.prepare(key, parent=parent))
            await stack.enter_async_context(_removed_after(snapshots, name))
            await snapshots.commit(name, key=key)
            await there.before_use()
            parent = name
        await stack.enter_async_context(_removed_after(snapshots, f"{own}-container"))
        await snapshots.prepare(f"{own}-container", parent=parent)


def _removed_after(snapshots: Snapshots, name: str) -> AbstractAsyncContextManager[None]:
    return cleaned_up(partial(snapshots.remove, name))


async def _commit(there: Surroundings, attempt: Attempt) -> None:
    """A commit without labels, used somewhat later."""
    client, name = there.client, f"beside-{attempt.attempt}"
    snapshots = client.snapshots(there.snapshotter)
    async with client.leases.hold("beside") as lease:
        await snapshots.prepare(name, parent=there.image.chain_id, lease=lease)
        try:
            await commit_container(
                client, there.image, snapshotter=there.snapshotter, snapshot_key=name, name=name,
                labelled=False,
            )  # fmt: skip
        finally:
            with suppress(NotFound):
                await snapshots.remove(name)
    try:
        await there.before_use()
        await require_whole(client, name)
    finally:
        with suppress(NotFound):
            await client.images.delete(name)


async def _prune(there: Surroundings, attempt: Attempt) -> None:
    """Every lease of the run's namespace is deleted, whoever holds something by it."""
    attempt.leases_deleted = 0
    for lease in await there.client.leases.list():
        with suppress(NotFound):
            await there.client.leases.delete(lease)
            attempt.leases_deleted += 1


KINDS: Mapping[str, Callable[[Surroundings, Attempt], Awaitable[None]]] = {
    "import": _import,
    "pull": _pull,
    "unpack": _unpack,
    "commit": _commit,
    "prune": _prune,
}


def require_kinds(kinds: Sequence[str], *, address: Path | None) -> None:
    """Refuse what cannot be done beside, before anything is started.

    Raises:
        UsageError: there is no such work; or it is to be done on a containerd that is not ours,
            where it would take away what is other clients'.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(
                f"nothing beside is called {kind!r}{meant(kind, KINDS)}; there are: "
                f"{', '.join(KINDS)}"
            )
    if kinds and address is not None:
        raise UsageError("--beside needs a private containerd: a prune takes others' leases along")


async def try_once(kind: str, number: int, there: Surroundings) -> Attempt:
    """One attempt, judged by what its error says."""
    attempt = Attempt(kind, number)
    started = time.monotonic()
    try:
        await KINDS[kind](there, attempt)
    except IluvatarBenchError as error:
        attempt.error = str(error)
        attempt.outcome = Outcome.UNKNOWN if isinstance(error, AnswerLost) else Outcome.FAILED
        if attempt.outcome == Outcome.FAILED:
            found = attribute(error_symptom(str(error)), Evidence(error=str(error)))
            attempt.bug_class, attempt.mechanism = found.bug_class, found.mechanism
    attempt.duration_ms = (time.monotonic() - started) * 1000
    return attempt


@asynccontextmanager
async def worked_beside(
    kinds: Sequence[str], there: Surroundings, journal: Journal
) -> AsyncIterator[None]:
    """Other clients at work for the length of the block; attempts under way are finished."""
    over = asyncio.Event()

    async def repeat(kind: str) -> None:
        number = 0
        while not over.is_set():
            journal.append(asdict(await try_once(kind, number, there)))
            number += 1
            await set_within(over, PAUSE_SECONDS)

    async with AsyncExitStack() as stack:
        if "pull" in kinds:
            there = replace(there, reference=stack.enter_context(served_layout(there.layout)))
        group = await stack.enter_async_context(task_group())
        for kind in dict.fromkeys(kinds):
            group.create_task(repeat(kind))
        try:
            yield
        finally:
            over.set()
