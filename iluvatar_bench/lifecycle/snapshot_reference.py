"""What holds a container's snapshot: record, lease, layer below it, made in the profile's order.

The right order is that of containerd's own client (CONTAINERD.md, section 4); each other level of
``snapshot_reference`` leaves a time in which the collector may take what the container needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.expiry import expiry
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.values import Mount, Resource
from iluvatar_bench.errors import NotFound
from iluvatar_bench.lifecycle.image_end import OwnImage
from iluvatar_bench.lifecycle.steps import Progress
from iluvatar_bench.profiles.level_names import FORCED_COLLECTIONS
from iluvatar_bench.profiles.profile import Profile
from iluvatar_bench.records import COLLECTION_SPAN

STEP_LEASE_SECONDS = 600.0

SHORT_LEASE_SECONDS = 0.5
"""Longer than making a container takes here (0.1 s), shorter than its start-up (0.6 s and more)."""

LIFE_LEASE_SECONDS = 24 * 3600.0
"""How long a lease of containerd's own client lasts (lease.go, WithLease, 1.6.20)."""

_NAMED = ("container", "lease", "record_late", "parent_unheld")
"""Levels whose record names its snapshot, sooner or later."""

MakeRecord = Callable[[], Awaitable[None]]


class SnapshotReference:
    """One container's snapshot, and all that keeps it from the collector.

    ``prepare`` makes it, and ``collect`` forces a collection at the profile's step. What is left of
    leases and layers at the container's end stands in its progress, for the removal.
    """

    def __init__(
        self,
        container_id: str,
        *,
        node: Node,
        image: ImportedImage,
        profile: Profile,
        progress: Progress,
    ) -> None:
        self.key = container_id
        """The key of the container's own snapshot: its id."""
        self.snapshots = node.client.snapshots(profile.snapshotter)
        self.mounts: tuple[Mount, ...] = ()
        self._own_image = (
            None
            if profile.image_end == "none"
            else OwnImage(
                container_id,
                base=image.chain_id,
                client=node.client,
                profile=profile,
                progress=progress,
            )
        )
        self.own_layer: str | None = (
            f"layer-{container_id}" if profile.snapshot_reference == "parent_unheld" else None
        )
        if self._own_image is not None:
            self.own_layer = self._own_image.layer
        """The committed snapshot that was made for this container alone, where one was."""
        self.parent = self.own_layer or image.chain_id
        """The committed snapshot that the container's own stands on."""
        self._image = image
        self._leases = node.client.leases
        self._profile = profile
        self._level = profile.snapshot_reference
        self._progress = progress
        self._expires_at: datetime | None = None

    @property
    def life_lease(self) -> str:
        """The lease that alone holds the snapshot, where the profile has it so."""
        return f"{self._life_leases}{self.key}"

    @property
    def _life_leases(self) -> str:
        """How the leases of one profile begin: a prune is not to reach containers of another."""
        return f"life-{self._profile.fingerprint}-"

    @property
    def named(self) -> tuple[str, str]:
        """``snapshotter`` and ``snapshot_key`` of the container's record; empty where it has none.

        With them the record is a reference, also in advance: of a snapshot that is not made yet.
        """
        return (self._profile.snapshotter, self.key) if self._level in _NAMED else ("", "")

    async def prepare(self, make_record: MakeRecord) -> None:
        """Make snapshot and record, in the order and under the protection of the profile.

        Raises:
            ContainerdError: a request failed.
        """
        async with nullcontext() if self._own_image is None else self._own_image.going():
            await self._prepare_by_level(make_record)

    async def _prepare_by_level(self, make_record: MakeRecord) -> None:
        match self._level:
            case "none" | "container":
                # The record first, as in 2022.
                await make_record()
                await self._make_step_lease()
                await self._prepare()
            case "lease":
                await self._prepare_under_lease(make_record)
            case "record_late":
                await self._make_step_lease()
                await self._prepare()
                await make_record()
            case "lease_short" | "lease_pruned":
                await self._prepare_for_life()
                await make_record()
            case "parent_unheld":
                await self._make_layer()
                await self._prepare_under_lease(make_record)

    async def started(self) -> None:
        """What befalls a container that lives, where its profile forces no step of it."""
        if self._level == "lease_pruned" and not self._forced:
            await self._prune()

    async def collect(self, step: str) -> None:
        """Collect now, if this is the profile's step.

        What only the step lease held goes, what the profile protects stays.
        """
        if self._profile.collection != step:
            return
        if self._progress.snapshot_prepared:
            await self._let_lease_end()
        with self._progress.span(COLLECTION_SPAN):
            if self._progress.step_lease is None:
                await self._leases.force_collection()
            else:
                await self._leases.delete(self._progress.step_lease, sync=True)
                self._progress.step_lease = None

    async def _let_lease_end(self) -> None:
        """The collection that a lease's end is about comes after it."""
        if self._level == "lease_pruned":
            await self._prune()
        if self._level == "lease_short":
            await expiry(self._expires_at)

    @property
    def _forced(self) -> bool:
        return self._profile.collection in FORCED_COLLECTIONS

    async def _make_step_lease(self) -> str | None:
        """A lease that keeps the snapshot until the step at which a collection is forced.

        Without it a neighbour's forced collection would take the snapshot at any other moment:
        before the mount, say, where this profile asks for during start-up.
        """
        if not self._forced:
            return None
        step_lease = f"step-{self.key}"
        await self._leases.create(step_lease, expires_in_seconds=STEP_LEASE_SECONDS)
        self._progress.step_lease = step_lease
        return step_lease

    async def _prepare_under_lease(self, make_record: MakeRecord) -> None:
        """The right order: the lease goes once the record holds the snapshot."""
        async with self._leases.hold(f"create-{self.key}") as lease:
            self._progress.leased = True
            await self._prepare(lease)
            await make_record()

    async def _prepare_for_life(self) -> None:
        """A lease for the container's life, as the client thinks; nothing else ever holds it."""
        short = self._level == "lease_short"
        seconds = SHORT_LEASE_SECONDS if short else LIFE_LEASE_SECONDS
        step_lease = await self._make_step_lease()
        with self._progress.asking_for("lease"):
            self._expires_at = await self._leases.create(
                self.life_lease, expires_in_seconds=seconds
            )
        self._progress.life_lease_created = True
        await self._prepare(self.life_lease)
        if step_lease is not None and self._progress.step_lease is not None:
            kind = f"snapshots/{self._profile.snapshotter}"
            await self._leases.add(step_lease, Resource(type=kind, id=self.key))

    async def _prepare(self, lease: str | None = None) -> None:
        """Make the snapshot, held by the lease; without one by the step lease, while there is one.

        A collection that is forced before it has ended that.
        """
        await self.collect("before_prepare")
        lease = lease or self._progress.step_lease
        with self._progress.measure("prepare_ms"), self._progress.asking_for("snapshot"):
            self.mounts = await self.snapshots.prepare(self.key, parent=self.parent, lease=lease)
        self._progress.snapshot_prepared = True
        await self.collect("after_prepare")

    async def _make_layer(self) -> None:
        """A layer for this container alone, on the image's topmost, which nothing holds.

        So is the whole image of a client that unpacks it under a lease and sets no label
        ``containerd.io/gc.ref.snapshot.<snapshotter>``. A layer of its own leaves the containers
        of other profiles theirs.
        """
        assert self.own_layer is not None
        step_lease = await self._make_step_lease()
        if step_lease is not None:
            await self._unpack(step_lease)
            return
        async with self._leases.hold(f"unpack-{self.key}") as lease:
            self._progress.leased = True
            await self._unpack(lease)

    async def _unpack(self, lease: str) -> None:
        assert self.own_layer is not None
        key = f"extract-{self.key}"
        self._progress.begin("unpack")
        with self._progress.span("unpack"):
            await self.snapshots.prepare(key, parent=self._image.chain_id, lease=lease)
            await self.snapshots.commit(self.own_layer, key=key, lease=lease)
        self._progress.layer_made = True

    async def _prune(self) -> None:
        """Delete leases as another client does that takes all for its own: those of this profile.

        Of another profile's containers, and of imports, that would be the end too.
        """
        for lease in await self._leases.list():
            if lease.startswith(self._life_leases):
                try:
                    await self._leases.delete(lease)
                except NotFound:
                    # A neighbour's prune, or its removal, was quicker.
                    continue
