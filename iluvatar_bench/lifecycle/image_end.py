"""A container whose image goes while it is being made: pruned by another client, or expired.

The image is the container's own, so that nobody else loses his: a layer on the real image's topmost
one, a blob whose label refers to it, and a name for the blob. That is all that the collector
follows from an image to its snapshots (containerd, metadata/gc.go, 1.6 to 2.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.expiry import EXPIRY_LABEL, expiry, rfc3339, rfc3339_in
from iluvatar_bench.containerd.oci.image_import import SNAPSHOT_LABEL
from iluvatar_bench.containerd.oci.media_types import OCI_MANIFEST
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import Descriptor, Resource
from iluvatar_bench.lifecycle.steps import Progress
from iluvatar_bench.profiles.profile import Profile

EXPIRY_SECONDS = 0.5
"""For how long an image that expires is kept: longer than it takes to be made."""


class OwnImage:
    """One container's own image, and what becomes of it before the container's snapshot is made.

    ``layer`` is its topmost snapshot: what the container's own is to stand on. What is left of it
    stands in ``progress``, for the removal.
    """

    def __init__(
        self, key: str, *, base: str, client: Client, profile: Profile, progress: Progress
    ) -> None:
        self.name = f"image-{key}"
        self.layer = f"layer-{key}"
        self._key = key
        self._base = base
        self._client = client
        self._snapshotter = profile.snapshotter
        self._progress = progress
        self._way, _, self._holding = profile.image_end.partition("_")
        self._expires_at: datetime | None = None

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """The image is made, and gone in this block: what is made in it may miss its layers.

        Who holds it has a lease of its own on them, until its container does.

        Raises:
            ContainerdError: a request failed.
        """
        await self._make()
        async with AsyncExitStack() as stack:
            if self._holding == "held":
                leases = self._client.leases
                lease = await stack.enter_async_context(leases.hold(f"use-{self._key}"))
                kind = f"snapshots/{self._snapshotter}"
                await leases.add(lease, Resource(type=kind, id=self.layer))
            self._progress.begin("image_end")
            with self._progress.span("image_end"):
                await self._end()
            yield

    async def _make(self) -> None:
        snapshots, key = self._client.snapshots(self._snapshotter), f"extract-{self._key}"
        content = f'{{"layer": "{self.layer}"}}'.encode()
        target = Descriptor(
            media_type=OCI_MANIFEST,
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            size=len(content),
        )
        self._progress.begin("unpack")
        with self._progress.span("unpack"):
            async with self._client.leases.hold(f"unpack-{self._key}") as lease:
                self._progress.leased = True
                await snapshots.prepare(key, parent=self._base, lease=lease)
                await snapshots.commit(self.layer, key=key, lease=lease)
                self._progress.layer_made = True
                holds = {f"{SNAPSHOT_LABEL}.{self._snapshotter}": self.layer}
                await self._client.content.write(target, content, labels=holds, lease=lease)
                self._progress.own_image = self.name
                await self._client.images.put(
                    ImageRecord(name=self.name, target=target, labels=self._labels())
                )

    def _labels(self) -> dict[str, str]:
        if self._way != "expired":
            return {}
        label = rfc3339_in(EXPIRY_SECONDS)
        self._expires_at = rfc3339(label)
        return {EXPIRY_LABEL: label}

    async def _end(self) -> None:
        if self._way == "pruned":
            await self._client.images.delete(self.name, sync=True)
            self._progress.own_image = None
            return
        await expiry(self._expires_at)
        await self._client.leases.force_collection()
