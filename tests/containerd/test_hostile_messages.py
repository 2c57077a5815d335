"""What a containerd may say that no containerd says today: told in one line, or as not known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.audit import HostPlaces, audit_daemon
from iluvatar_bench.clients.check.image_content import named_by_images
from iluvatar_bench.containerd._api import (
    containers_pb2,
    events_pb2,
    images_pb2,
    types_pb2,
)
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.services.content import DOCUMENT_BYTES
from iluvatar_bench.errors import ResourceExhausted
from tests.support.archives import digest
from tests.support.fake_containerd import FakeContainerd, fake_containerd

NOWHERE = HostPlaces(network_namespaces=(), addresses=())

SPECS = [
    b"",
    b"7",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"linux":{"cgroupsPath":"\\ud800"}}',
    b'{"linux":7,"root":[],"annotations":"x","process":null}',
    b'{"linux":{"namespaces":[{"type":[]},7],"resources":{"memory":{"limit":1e400}}}}',
    b'{"a":' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec[:20].decode())
async def test_any_spec_can_be_in_a_record(spec: bytes, short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake:
        record = containers_pb2.Container(id="odd", snapshotter="overlayfs", snapshot_key="odd")
        record.spec.value = spec
        fake.containers["odd"] = record
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
    assert audit.counts["containers"] == 1
    json.dumps(audit.as_dict(), ensure_ascii=False).encode()


def store(fake: FakeContainerd, document: Any) -> str:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    name = digest(content)
    fake.content[name] = content
    return name


def image(fake: FakeContainerd, target: str) -> None:
    descriptor = types_pb2.Descriptor(media_type=m.OCI_INDEX, digest=target, size=1)
    fake.images.append(images_pb2.Image(name=f"i{len(fake.images)}", target=descriptor))


async def test_any_document_can_be_in_the_content_store(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake:
        for document in (b"", b"[" * 100_000, b"7", b'{"manifests":7}', b'{"config":[]}'):
            image(fake, store(fake, document))
        for diff_ids in (7, [7], ["\ud800"], {}, None, []):
            config = store(fake, {"rootfs": {"diff_ids": diff_ids}})
            image(fake, store(fake, {"config": {"digest": config}, "n": len(fake.images)}))
        image(fake, store(fake, b" " * (DOCUMENT_BYTES + 1)))
        config = store(fake, {"rootfs": {"diff_ids": ["sha256:1"]}})
        image(fake, store(fake, {"config": {"digest": config}}))
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
        (namespace,) = audit.state.namespaces
        found = {name: tops for name, tops in namespace.top_snapshots.items() if tops}
        assert found == {f"i{len(fake.images) - 1}": ("sha256:1",)}
        # A client under test may leave any of them.
        async with connect(short_folder / "c") as client:
            named = await named_by_images(client, [record.name for record in fake.images])
        assert named == set(fake.content)


async def test_indexes_that_list_each_other_are_read_once_each(short_folder: Path) -> None:
    """300 entries on each of three levels are 27 million ways to the same manifest."""
    async with fake_containerd(short_folder / "c") as fake:
        config = store(fake, {"rootfs": {"diff_ids": ["sha256:1"]}})
        entry = {"digest": store(fake, {"config": {"digest": config}})}
        for _ in range(3):
            entry = {"digest": store(fake, {"manifests": [entry] * 300})}
        image(fake, entry["digest"])
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
        reads = [subject for call, subject, _ in fake.calls if call == "Content.Read"]
    (namespace,) = audit.state.namespaces
    assert namespace.top_snapshots == {"i0": ("sha256:1",)}
    assert len(reads) == len(set(reads)) == 5


async def test_a_blob_is_not_read_beyond_a_documents_size(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake, connect(short_folder / "c") as client:
        name = store(fake, b" " * (4 * DOCUMENT_BYTES))
        with pytest.raises(ResourceExhausted, match="too many for a document"):
            await client.content.read(name)


async def test_events_that_cannot_be_decoded_and_times_that_are_none(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake, connect(short_folder / "c") as client:
        stream = client.events.subscribe()
        first = asyncio.ensure_future(anext(stream))
        while not fake.subscribed:
            await asyncio.wait((first,), timeout=0.01)
        odd = events_pb2.Envelope(namespace="iluvatar-bench", topic="/tasks/exit")
        odd.event.type_url, odd.event.value = "containerd.events.TaskExit", b"\xff\xff\xff"
        odd.timestamp.seconds = 1 << 60
        fake.send(odd)
        event = await first
        await stream.aclose()
    assert (event.topic, event.container_id, event.timestamp) == ("/tasks/exit", None, None)


async def test_states_of_later_versions_are_not_known(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "c") as fake:
        fake.snapshots.add("odd")
        fake.snapshot_kind = 77
        audit = await audit_daemon(short_folder / "c", places=NOWHERE)
    (namespace,) = audit.state.namespaces
    assert [str(info.kind) for info in namespace.snapshots.values()] == ["unknown"]
