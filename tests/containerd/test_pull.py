"""Pulling through containerd's own client, from a registry that is made here."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.oci.pull import pull
from iluvatar_bench.errors import ImageError, MissingProgram, UsageError
from iluvatar_bench.functions.images import list_images
from iluvatar_bench.functions.pulled import pull_into, pull_onto_disk
from tests.support.archives import FOREIGN, OciDraft, platform_of


class Registry:
    """The pull half of the distribution protocol, for the one repository ``tiny``.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
    """

    def __init__(self) -> None:
        draft = OciDraft()
        self.manifest = draft.manifest(how="gzip", platform=platform_of())
        foreign = draft.manifest(architecture=FOREIGN, platform=platform_of(FOREIGN))
        self.index = draft.index(foreign, self.manifest)
        self.foreign = draft.index(foreign)
        self.blobs = {
            f"sha256:{name.rpartition('/')[2]}": data
            for name, data in draft.files.items()
            if name.startswith("blobs/")
        }
        self.tags = {"1": self.index["digest"], "foreign": self.foreign["digest"]}

    def answer(self, path: str) -> tuple[str, str, bytes] | None:
        """Media type, digest and content for a path."""
        if path == "/v2/":
            return "application/json", "", b"{}"
        prefix, _, name = path.rpartition("/")
        digest = self.tags.get(name, name)
        if prefix not in ("/v2/tiny/manifests", "/v2/tiny/blobs") or digest not in self.blobs:
            return None
        data = self.blobs[digest]
        is_document = prefix.endswith("manifests")
        media_type = m.OCI_INDEX if is_document and b'"manifests"' in data else m.OCI_MANIFEST
        return (media_type if is_document else "application/octet-stream"), digest, data


@pytest.fixture
def registry() -> Iterator[str]:
    """The address of a registry with the images ``tiny:1`` and ``tiny:foreign``."""
    content = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = content.answer(self.path)
            if answer is None:
                self.send_error(404)
                return
            media_type, digest, data = answer
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


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
