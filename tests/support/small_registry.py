"""A registry on loopback with two small images: one for this host, one for another machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from iluvatar_bench.containerd.oci import media_types as m
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


@contextmanager
def small_registry() -> Iterator[str]:
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
