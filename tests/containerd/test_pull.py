"""Pulling through containerd's own client, from a registry that is made here."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.oci.pull import pull
from iluvatar_bench.errors import ImageError, MissingProgram, UsageError
from iluvatar_bench.functions.images import list_images
from iluvatar_bench.functions.pulled import pull_into, pull_onto_disk
from tests.support.small_registry import small_registry


@pytest.fixture
def registry() -> Iterator[str]:
    with small_registry() as address:
        yield address


@pytest.mark.daemon
async def test_into_a_running_daemon(registry: str, quiet_node: Node) -> None:
    reference = f"{registry}/tiny:1"
    digest = await pull_into(quiet_node.address, reference, plain_http=True)
    client = quiet_node.client
    await client.leases.force_collection()
    assert (await client.images.get(reference)).target.digest == digest
    assert len(await client.snapshots("overlayfs").list()) == 2


@pytest.mark.daemon
async def test_onto_disk(registry: str, tmp_path: Path) -> None:
    reference = f"{registry}/tiny:1"
    image = await pull_onto_disk(reference, plain_http=True, ready_text="up", home=tmp_path)
    assert (image.name, image.layer_count) == (reference, 2)
    assert list_images(tmp_path) == (image,)
    entry = json.loads((image.layout / "index.json").read_bytes())["manifests"][0]
    assert entry["annotations"][m.READY_LABEL] == "up"


@pytest.mark.daemon
async def test_what_cannot_be_pulled_is_said_in_one_line(registry: str, quiet_node: Node) -> None:
    with socket.socket() as deaf:
        # It keeps the port, or whoever is given that next may listen there, and does not listen.
        deaf.bind(("127.0.0.1", 0))
        cases = {
            f"{registry}/tiny:2": "not found",
            f"{registry}/tiny:foreign": "no match for platform",
            f"127.0.0.1:{deaf.getsockname()[1]}/tiny:1": "connection refused",
        }
        for reference, words in cases.items():
            with pytest.raises(ImageError, match=words) as caught:
                await pull_into(quiet_node.address, reference, plain_http=True)
            assert str(caught.value).startswith(f"could not pull {reference}: ")
            assert "\n" not in str(caught.value)
    await quiet_node.client.leases.force_collection()
    assert await quiet_node.client.images.list() == ()
    assert await quiet_node.client.content.digests() == ()


@pytest.mark.parametrize(
    "reference", ["busybox", "busybox:1", "docker.io/library/busybox", "--help", "a/b:1 c", ""]
)
async def test_a_reference_that_is_not_a_full_one(reference: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no full reference \(registry/repository:tag\)"):
        await pull(tmp_path / "socket", reference, namespace="n")


@pytest.mark.daemon
async def test_without_ctr_the_message_says_what_to_install(
    quiet_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingProgram, match="apt-get install containerd"):
        await pull_into(quiet_node.address, "a/b:1")
