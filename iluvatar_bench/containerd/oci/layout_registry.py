"""A registry of one image, on loopback: the pull half of the distribution protocol.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pull
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from iluvatar_bench.containerd.oci.image_import import blob_path, read_layout
from iluvatar_bench.containerd.values import Descriptor

_ASKED = re.compile(r"/v2/image/(manifests|blobs)/(latest|sha256:[0-9a-f]{64})")


@contextmanager
def served_layout(folder: Path) -> Iterator[str]:
    """The reference by which the image of a layout can be pulled, over plain HTTP, in the block.

    Raises:
        ImageError: the layout does not hold exactly one manifest that can be read.
    """
    manifest = read_layout(folder).manifest_descriptor
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, manifest)) as server:
        thread = threading.Thread(target=server.serve_forever, name="layout-registry")
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}/image:latest"
        finally:
            server.shutdown()
            thread.join()


def _handler(folder: Path, manifest: Descriptor) -> type[BaseHTTPRequestHandler]:
    media_types = {manifest.digest: manifest.media_type}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = _ASKED.fullmatch(self.path)
            digest = asked[2].replace("latest", manifest.digest) if asked else ""
            try:
                blob = blob_path(folder, digest).open("rb")
            except OSError:
                self.send_error(404)
                return
            with blob:
                self.send_response(200)
                self.send_header(
                    "Content-Type", media_types.get(digest, "application/octet-stream")
                )
                self.send_header("Content-Length", str(blob.seek(0, 2)))
                self.send_header("Docker-Content-Digest", digest)
                self.end_headers()
                blob.seek(0)
                if self.command == "GET":
                    shutil.copyfileobj(blob, self.wfile)

        do_HEAD = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: who pulls says what went wrong."""

    return Handler
