"""The leases service: what a lease holds, the garbage collector leaves alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial

from iluvatar_bench.containerd._api import leases_pb2, leases_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.containerd.expiry import EXPIRY_LABEL, rfc3339, rfc3339_in
from iluvatar_bench.containerd.values import LeaseInfo, Resource, utc
from iluvatar_bench.errors import NotFound
from iluvatar_bench.host.first_error import cleaned_up


class Leases:
    """Leases of the channel's namespace."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = leases_pb2_grpc.LeasesStub(channel.grpc_channel)

    async def create(
        self,
        lease_id: str,
        *,
        expires_in_seconds: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> datetime | None:
        """Create a lease; one that expires does not outlive a client that was killed.

        Returns:
            When it expires, as its label says and to the same digit; None where it does not.

        Raises:
            AlreadyExists: a lease of this id is there.
        """
        all_labels = dict(labels or {})
        expiry = None
        if expires_in_seconds is not None:
            all_labels[EXPIRY_LABEL] = rfc3339_in(expires_in_seconds)
            expiry = rfc3339(all_labels[EXPIRY_LABEL])
        await self._channel.call(
            self._stub.Create,
            leases_pb2.CreateRequest(id=lease_id, labels=all_labels),
            operation="Leases.Create",
            subject=lease_id,
        )
        return expiry

    async def delete(self, lease_id: str, *, sync: bool = False) -> None:
        """Delete a lease; with ``sync`` the answer comes after a whole collection.

        Raises:
            NotFound: there is no such lease, and nothing was collected.
        """
        await self._channel.call(
            self._stub.Delete,
            leases_pb2.DeleteRequest(id=lease_id, sync=sync),
            operation="Leases.Delete",
            subject=lease_id,
        )

    async def add(self, lease_id: str, resource: Resource) -> None:
        """Let the lease hold one thing more.

        Raises:
            NotFound: there is no such lease (any more).
        """
        await self._channel.call(
            self._stub.AddResource,
            leases_pb2.AddResourceRequest(
                id=lease_id, resource=leases_pb2.Resource(id=resource.id, type=resource.type)
            ),
            operation="Leases.AddResource",
            subject=lease_id,
        )

    async def list(self) -> tuple[str, ...]:
        """The ids of all leases."""
        return tuple(lease.id for lease in await self.details())

    async def details(self) -> tuple[LeaseInfo, ...]:
        """All leases, expired ones too: an expired lease holds nothing, until it is collected."""
        answer = await self._channel.call(
            self._stub.List,
            leases_pb2.ListRequest(),
            operation="Leases.List",
            seconds=READ_SECONDS,
        )
        return tuple(
            LeaseInfo(
                id=lease.id,
                created_at=utc(lease.created_at),
                expires_at=rfc3339(lease.labels.get(EXPIRY_LABEL, "")),
                labels=dict(lease.labels),
            )
            for lease in answer.leases
        )

    async def resources(self, lease_id: str) -> tuple[Resource, ...]:
        """What one lease holds.

        Raises:
            NotFound: there is no such lease (any more).
        """
        answer = await self._channel.call(
            self._stub.ListResources,
            leases_pb2.ListResourcesRequest(id=lease_id),
            operation="Leases.ListResources",
            subject=lease_id,
            seconds=READ_SECONDS,
        )
        return tuple(Resource(type=held.type, id=held.id) for held in answer.resources)

    @asynccontextmanager
    async def hold(self, purpose: str, *, seconds: float = 600.0) -> AsyncIterator[str]:
        """A lease for the length of a block; gives its id. It expires by itself as well.

        One that is gone before, pruned by another client, is no error by itself.
        """
        lease_id = f"{purpose}-{secrets.token_hex(6)}"
        async with cleaned_up(partial(self._forget, lease_id)):
            # Inside: where its answer is lost there may be a lease.
            await self.create(lease_id, expires_in_seconds=seconds)
            yield lease_id

    async def _forget(self, lease_id: str) -> None:
        with suppress(NotFound):
            await self.delete(lease_id)

    async def force_collection(self) -> None:
        """Run the garbage collector once; return when it has marked, swept and removed.

        Deleting a lease synchronously is the API's only way to ask for a collection
        (CONTAINERD.md, section 1); a fresh one is made because deleting a lease that does not
        exist collects nothing.
        """
        lease_id = f"collect-{secrets.token_hex(6)}"
        await self.create(lease_id, expires_in_seconds=600.0)
        await self.delete(lease_id, sync=True)
