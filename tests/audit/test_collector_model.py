"""The model of the collector against the collector: random objects and labels, then a collection.

Other versions than the installed one are tested where ILUVATAR_BENCH_CONTAINERDS names the folders
of their programs, separated by colons.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from iluvatar_bench.audit import read_state
from iluvatar_bench.audit.read.gc_labels import CollectorNode, conditions, rules_of, used_at
from iluvatar_bench.audit.read.held import held_nodes, node_of
from iluvatar_bench.audit.read.state import NamespaceState
from iluvatar_bench.containerd._api import leases_pb2, leases_pb2_grpc
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.daemon.versions import Release
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.containerd.values import ContainerRecord, Descriptor, Resource
from iluvatar_bench.errors import ContainerdError
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.audit.clients import NOWHERE

NOW = datetime.now(UTC)
TIMES = (
    *("2001-02-03T04:05:06Z", "2099-02-03T04:05:06.789Z", "2001-02-03T04:05:06+02:00"),
    *("2001-02-03", "20010203T040506Z", "2001-02-03 04:05:06Z", "never", ""),
)
"""Over, to come, and what containerd does not take for a time."""

FOLDERS = [Path(f) for f in os.environ.get("ILUVATAR_BENCH_CONTAINERDS", "").split(":") if f]


class Graph:
    """The objects of one namespace, made from a seed; names first, so that labels can point."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = Random(seed)
        pick = self.random.randint
        self.blobs = [f"{seed}-{n}-{self.random.random()}".encode() for n in range(pick(2, 5))]
        self.digests = [f"sha256:{hashlib.sha256(blob).hexdigest()}" for blob in self.blobs]
        self.committed = [f"layer-{n}" for n in range(pick(1, 3))]
        self.active = [f"active-{n}" for n in range(pick(1, 4))]
        self.images = [f"image-{n}" for n in range(pick(0, 3))]
        self.records = [f"record-{n}" for n in range(pick(0, 3))]

    def target(self, kind: str) -> str:
        names = {
            "snapshot": [*self.committed, *self.active],
            "content": self.digests,
            "image": self.images,
            "container": self.records,
        }[kind]
        missing = f"sha256:{'0' * 64}" if kind == "content" else "missing"
        return self.random.choice([*names, missing])

    def pointer(self) -> tuple[str, str]:
        """A label that points somewhere, well formed or nearly so."""
        choose = self.random.choice
        kind = choose(("snapshot", "snapshot", "content", "image", "container"))
        way = choose(("ref", "ref", "bref"))
        end = choose(("", ".x", "/x", "x"))
        if kind == "snapshot":
            end = choose((".overlayfs", ".overlayfs/x", ".native", "", ".overlayfs.x"))
        return f"containerd.io/gc.{way}.{kind}{end}", self.target(kind)

    def labels(self) -> dict[str, str]:
        choose, chance = self.random.choice, self.random.random
        found = dict(self.pointer() for _ in range(choose((0, 0, 1, 1, 2))))
        if chance() < 0.12:
            found[choose(("containerd.io/gc.root", "containerd.io/gc.root.x"))] = choose(TIMES)
        if chance() < 0.25:
            found["containerd.io/gc.expire"] = choose(TIMES)
        if chance() < 0.15:
            found["containerd.io/gc.cond.value-usedat"] = choose(TIMES)
        if chance() < 0.15:
            when = choose(("usedat<1h", "usedat>1h", "usedat>=1h", "other<1h", "usedat>x"))
            name = f"containerd.io/gc.cond.snapshot.overlayfs{choose(('', '/y'))}"
            found[name] = f"{when}|{self.target('snapshot')}"
        return found

    async def make(self) -> None:
        client, random = self.client, self.random
        await client.namespaces.ensure(client.namespace)
        for digest, blob in zip(self.digests, self.blobs, strict=True):
            described = Descriptor("application/octet-stream", digest, len(blob))
            await client.content.write(described, blob, labels=self.labels())
        snapshots = client.snapshots("overlayfs")
        for number, name in enumerate(self.committed):
            parent = random.choice(["", *self.committed[:number]])
            await snapshots.prepare(f"making-{name}", parent=parent)
            await snapshots.commit(name, key=f"making-{name}", labels=self.labels())
        for name in self.active:
            parent = random.choice(["", *self.committed])
            await snapshots.prepare(name, parent=parent, labels=self.labels())
        for name in self.images:
            described = Descriptor("application/octet-stream", self.target("content"), 9)
            await client.images.put(ImageRecord(name, described, self.labels()))
        for name in self.records:
            snapshotter = random.choice(("overlayfs", "overlayfs", "", "native"))
            key = random.choice(("", self.target("snapshot"))) if snapshotter else ""
            await client.containers.create(
                ContainerRecord(
                    id=name,
                    image="",
                    runtime="io.containerd.runc.v2",
                    spec={},
                    snapshotter=snapshotter,
                    snapshot_key=key,
                    labels=self.labels(),
                )
            )
        for number in range(random.randint(0, 3)):
            await self._lease(f"lease-{number}")

    async def _lease(self, id: str) -> None:
        client, random = self.client, self.random
        labels = {}
        if random.random() < 0.6:
            labels["containerd.io/gc.expire"] = random.choice(TIMES)
        if random.random() < 0.3:
            labels["containerd.io/gc.flat"] = random.choice(("", "x"))
        stub = leases_pb2_grpc.LeasesStub(client.channel.grpc_channel)
        request = leases_pb2.CreateRequest(id=id, labels=labels)
        await stub.Create(request, metadata=client.channel.metadata())
        for _ in range(random.randint(0, 3)):
            kind = random.choice(("snapshots/overlayfs", "content", "images"))
            plain = {"snapshots/overlayfs": "snapshot", "content": "content", "images": "image"}
            name = self.target(plain[kind])
            try:
                await client.leases.add(id, Resource(kind, name))
            except ContainerdError:
                # Before 2.0 a lease holds no images.
                assert kind == "images"


def objects(state: NamespaceState) -> Iterator[CollectorNode]:
    """All that a collection can remove."""
    yield from (node_of(id) for id in state.snapshots)
    yield from (CollectorNode("content", digest) for digest in state.content)
    yield from (CollectorNode("image", image.name) for image in state.images)


async def collected_as_told(graphs: int, *, first_seed: int) -> str:
    """Make the graphs, predict, collect; every namespace must be as it was told."""
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        for seed in range(first_seed, first_seed + graphs):
            await Graph(node.client.under(f"g-{seed}"), seed).make()
        before = await read_state(node.client, places=NOWHERE)
        await node.client.leases.force_collection()
        after = await read_state(node.client, places=NOWHERE)
        removed = 0
        for was, now in zip(before.namespaces, after.namespaces, strict=True):
            kept = held_nodes(was, now=before.taken_at)
            rules = rules_of(was.containerd)
            told = {
                node
                for node in objects(was)
                if node in kept or (node.kind == "image" and not rules.images_expire)
            }
            assert set(objects(now)) == told, was.name
            living = {lease.info.id for lease in was.leases if not lease.expired(before.taken_at)}
            assert {lease.info.id for lease in now.leases} == living, was.name
            removed += len(set(objects(was)) - told)
        # Neither nothing nor everything: the graphs say something.
        assert removed > graphs
        assert sum(1 for n in after.namespaces for _ in objects(n)) > graphs
        return before.version


@pytest.mark.daemon
async def test_a_collection_does_as_the_model_says() -> None:
    await collected_as_told(25, first_seed=0)


@pytest.mark.daemon
@pytest.mark.slow
@pytest.mark.parametrize("folder", [None, *FOLDERS], ids=lambda f: str(f) if f else "installed")
async def test_500_collections_do_as_the_model_says(
    folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if folder is not None:
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    await collected_as_told(500, first_seed=1000)


def test_what_each_version_knows() -> None:
    known = [rules_of(v) for v in (None, Release(1, 7, 24), Release(2, 1, 9), Release(2, 2, 0))]
    assert [rules.images_expire for rules in known] == [False, False, True, True]
    assert [rules.back_references for rules in known] == [False, False, False, True]
    assert rules_of(Release(2, 3, 0)).conditions
    assert not rules_of(Release(2, 2, 7)).conditions


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("usedat<1h30m|key", [("<", timedelta(minutes=90))]),
        (
            "usedat>1.5s,usedat<-2ms|key",
            [(">", timedelta(seconds=1.5)), ("<", timedelta(milliseconds=-2))],
        ),
        ("usedat<=1h|key", []),
        ("usedat=1h|key", []),
        ("other<1h|key", []),
        ("usedat<1|key", []),
        ("usedat<1h", []),
    ],
)
def test_conditions_are_read_as_2_3_does(value: str, read: list[tuple[str, timedelta]]) -> None:
    """Source: containerd v2.3.4, core/metadata/gc.go, labelGCSnapConditional."""
    label = "containerd.io/gc.cond.snapshot.overlayfs/x"
    found = list(conditions({label: value}, rules_of(Release(2, 3, 4))))
    assert [(sign, length) for _, sign, length in found] == read
    assert all(node == CollectorNode("snapshot", "overlayfs/key") for node, _, _ in found)
    assert list(conditions({label: value}, rules_of(Release(2, 2, 9)))) == []
    moment = {"containerd.io/gc.cond.value-usedat": "2026-01-02T03:04:05Z"}
    assert list(used_at(moment, rules_of(Release(2, 3, 4)))) == [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ]
