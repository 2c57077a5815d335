"""Pulls by the daemon itself: what is asked of it, and what comes of it on each containerd.

Where the Transfer service is not, or knows no registry without TLS, the refusal is what is tested.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest

from iluvatar_bench.containerd._api import transfer_types_pb2
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.daemon.versions import transfers_plain_http
from iluvatar_bench.containerd.oci.commit import require_whole
from iluvatar_bench.containerd.oci.image_import import chain_ids, read_layout
from iluvatar_bench.containerd.oci.layout_registry import served_layout
from iluvatar_bench.containerd.oci.platforms import host_platform
from iluvatar_bench.containerd.values import Platform
from iluvatar_bench.errors import (
    AnswerLost,
    ContainerdError,
    DaemonFault,
    InvalidArgument,
    NotFound,
    NotImplementedByDaemon,
)
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.fake_containerd import fake_containerd
from tests.support.other_containerds import FOLDERS, folder_name, use
from tests.support.small_registry import small_registry

REFERENCE = "127.0.0.1:5000/image:latest"
ARM = Platform("linux", "arm", "v7")


async def test_what_is_asked_is_what_ctr_asks(short_folder: Path) -> None:
    """Containerd 2.1.9, cmd/ctr/commands/images/pull.go, without options but ``--plain-http``."""
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        await client.transfer.pull(
            REFERENCE, platform=ARM, snapshotter="overlayfs", plain_http=True
        )
        await client.transfer.pull(REFERENCE, platform=ARM, snapshotter="x", must_match=True)
    asked, strict = fake.transfers
    assert asked.source.type_url == "containerd.types.transfer.OCIRegistry"
    source = transfer_types_pb2.OCIRegistry.FromString(asked.source.value)
    assert (source.reference, source.resolver.default_scheme) == (REFERENCE, "http")
    assert asked.destination.type_url == "containerd.types.transfer.ImageStore"
    store = transfer_types_pb2.ImageStore.FromString(asked.destination.value)
    (platform,), (unpack,) = store.platforms, store.unpacks
    assert (platform.os, platform.architecture, platform.variant) == ("linux", "arm", "v7")
    assert (unpack.platform, unpack.snapshotter) == (platform, "overlayfs")
    assert (store.name, store.all_metadata, store.manifest_limit) == (REFERENCE, True, 0)

    source = transfer_types_pb2.OCIRegistry.FromString(strict.source.value)
    assert source.resolver.default_scheme == ""
    store = transfer_types_pb2.ImageStore.FromString(strict.destination.value)
    assert (store.all_metadata, store.manifest_limit) == (False, 1)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNIMPLEMENTED, NotImplementedByDaemon),
        (grpc.StatusCode.UNAVAILABLE, AnswerLost),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgument),
    ],
)
async def test_a_failure_says_which_image(
    code: grpc.StatusCode, kind: type[ContainerdError], short_folder: Path
) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.answers["Transfer.Transfer"] = code
        with pytest.raises(kind, match=f"Transfer of {REFERENCE} in namespace 'iluvatar-bench'"):
            await client.transfer.pull(REFERENCE, platform=ARM, snapshotter="overlayfs")


@pytest.fixture
def registry() -> Iterator[str]:
    with small_registry() as address:
        yield address


@asynccontextmanager
async def daemon_of(
    folder: str, monkeypatch: pytest.MonkeyPatch, *, able: bool
) -> AsyncIterator[Node]:
    """A quiet one, with two snapshotters to unpack for; skips where it is the other way round."""
    release = use(folder, monkeypatch)
    if (release is None or transfers_plain_http(release)) is not able:
        here = "" if release is None else " " + ".".join(map(str, release))
        pytest.skip(
            f"containerd{here} {'cannot' if able else 'can'} pull from a registry without TLS; "
            "tests/fetch_containerds fetches others"
        )
    daemon = private_daemon(collector=QUIET_COLLECTOR, snapshotters=["overlayfs", "native"])
    async with daemon as node:
        yield node


@pytest.fixture(params=FOLDERS, ids=folder_name)
async def node(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    async with daemon_of(request.param, monkeypatch, able=True) as node:
        yield node


@pytest.fixture(params=FOLDERS, ids=folder_name)
async def older_node(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Node]:
    async with daemon_of(request.param, monkeypatch, able=False) as node:
        yield node


@pytest.mark.daemon
async def test_a_containerd_that_cannot_says_why(older_node: Node, registry: str) -> None:
    """1.6 has no such service; 1.7 passes over the scheme and greets the registry with TLS."""
    with pytest.raises((NotImplementedByDaemon, DaemonFault)) as caught:
        await older_node.client.transfer.pull(
            f"{registry}/tiny:1",
            platform=host_platform(),
            snapshotter="overlayfs",
            plain_http=True,
        )
    assert ("unknown service" in str(caught.value)) == isinstance(
        caught.value, NotImplementedByDaemon
    )
    if isinstance(caught.value, DaemonFault):
        assert 'Head "https://' in str(caught.value)


@pytest.mark.daemon
@pytest.mark.parametrize("snapshotter", ["overlayfs", "native"])
async def test_a_pulled_image_is_whole_and_unpacked_and_stays(
    snapshotter: str, node: Node, quick_hello: BuiltImage
) -> None:
    *_, chain = chain_ids(read_layout(quick_hello.layout).config.diff_ids)
    client = node.client
    with served_layout(quick_hello.layout) as reference:
        await client.transfer.pull(
            reference, platform=host_platform(), snapshotter=snapshotter, plain_http=True
        )
    assert await client.leases.list() == ()
    await client.leases.force_collection()
    await require_whole(client, reference)
    await client.snapshots(snapshotter).stat(chain)
    await client.images.delete(reference)
    await client.leases.force_collection()
    assert await client.content.digests() == ()
    assert await client.snapshots(snapshotter).list() == ()


@pytest.mark.daemon
async def test_an_index_without_this_platform_is_a_success_unless_it_must_match(
    node: Node, registry: str
) -> None:
    reference, client = f"{registry}/tiny:foreign", node.client
    pull = partial(
        client.transfer.pull,
        reference,
        platform=host_platform(),
        snapshotter="overlayfs",
        plain_http=True,
    )
    with pytest.raises(NotFound, match="no match for platform in manifest"):
        await pull(must_match=True)
    await client.leases.force_collection()
    assert await client.content.digests() == ()
    await pull()
    assert [image.name for image in await client.images.list()] == [reference]
    assert await client.snapshots("overlayfs").list() == ()


@pytest.mark.daemon
async def test_a_snapshotter_that_is_not_configured_is_an_error(node: Node, registry: str) -> None:
    with pytest.raises(InvalidArgument, match="no unpack platforms defined"):
        await node.client.transfer.pull(
            f"{registry}/tiny:1", platform=host_platform(), snapshotter="zfs", plain_http=True
        )
