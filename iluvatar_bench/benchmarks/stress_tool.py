"""containerd's own stress tool, with an image it can run and its count checked.

It pulls its image always, so that a registry of one image listens on loopback; and it counts
containers that failed as done (``failures`` is 0 in its JSON whatever happened; containerd
cmd/containerd-stress, 1.6 to 2.1), so that containerd's events are counted beside it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.teardown import remove_runc_folder
from iluvatar_bench.containerd.daemon.versions import release
from iluvatar_bench.containerd.oci.image_import import read_layout
from iluvatar_bench.containerd.oci.media_types import OCI_MANIFEST
from iluvatar_bench.containerd.services.events import DaemonEvent
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.facts import program_version
from iluvatar_bench.host.kernel import cgroups
from iluvatar_bench.monitor import event_log

NAMESPACE = "stress"
"""The tool's own containerd namespace; it is not to be chosen."""

_SECONDS = 2
_LIMIT_SECONDS = 60.0
_NEWS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StressTool:
    """The tool, ready to be run."""

    node: Node
    image: str
    version: str | None
    """What it says of itself."""

    async def run(self, concurrency: int) -> tuple[int, float]:
        """Let it run for some seconds.

        Returns:
            how many of its containers ended with status 0, and the seconds that it took for all.

        Raises:
            EnvironmentProblem: it failed, or containers of it did.
        """
        exits = _Exits()
        async with event_log(self.node.client.under(NAMESPACE), on_event=exits.take):
            told = await self._told(concurrency)
            total = int(told["total"])
            await exits.wait(total)
        # Its time ends in the middle of as many as it does at once.
        if exits.good < total - concurrency:
            raise EnvironmentProblem(
                f"containerd-stress calls {total} containers done; containerd has seen "
                f"{exits.good} end with status 0"
            )
        return exits.good, float(told["seconds"])

    async def _told(self, concurrency: int) -> dict[str, float]:
        process = await asyncio.create_subprocess_exec(
            *("containerd-stress", "--json", "--address", str(self.node.address)),
            *("--concurrent", str(concurrency), "--duration", f"{_SECONDS}s"),
            *("--image", self.image, "--snapshotter", "overlayfs"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                out, err = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise EnvironmentProblem(
                f"containerd-stress did not end within {_LIMIT_SECONDS:g} s"
            ) from error
        try:
            found: dict[str, float] = json.loads(out)
        except ValueError as error:
            said = err.decode(errors="replace").strip().splitlines()
            raise EnvironmentProblem(
                f"containerd-stress failed ({(said or ['it said nothing'])[0]}); "
                "without it: --no-stress"
            ) from error
        return found


class _Exits:
    """Containers that containerd has seen end with status 0."""

    def __init__(self) -> None:
        self.good = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    def take(self, event: DaemonEvent) -> None:
        if event.topic == "/tasks/exit" and event.exit_status == 0:
            self.good += 1
            if self.good >= self._wanted:
                self._reached.set()

    async def wait(self, wanted: int) -> None:
        """Return when there are so many, or after a while: events come a moment late."""
        self._wanted = wanted
        if self.good >= wanted:
            return
        self._reached.clear()
        try:
            async with asyncio.timeout(_NEWS_SECONDS):
                await self._reached.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def open_stress_tool(
    node: Node, layout: Path, *, name: str, wanted: bool = True
) -> AsyncIterator[StressTool | None]:
    """The tool for the length of the block; None where it is not on PATH, or not wanted.

    ``layout`` is the image that it is to run, and ``name`` what that is called.
    """
    if not wanted or shutil.which("containerd-stress") is None:
        yield None
        return
    with _registry(layout) as address:
        try:
            said = program_version("containerd-stress", "--version") or ""
            # That of 1.6 has no such flag, and answers with its usage.
            version = said if release(said) else "unknown"
            yield StressTool(node, f"{address}/{name}", version)
        finally:
            remove_runc_folder(NAMESPACE)
            cgroups.remove_if_empty(f"/{NAMESPACE}")


@contextmanager
def _registry(layout: Path) -> Iterator[str]:
    """Serve the image of the layout on loopback; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pull, layout))
    thread = threading.Thread(target=server.serve_forever, name="registry", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pull(BaseHTTPRequestHandler):
    """What a pull asks for: the manifest, by tag or digest, and blobs.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md, "Pull".
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, layout: Path, *args: object) -> None:
        self._layout = layout
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """The whole answer."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Its headers."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads along."""

    def _answer(self, *, with_body: bool) -> None:
        *_, kind, reference = self.path.partition("?")[0].split("/")
        digest = reference
        if kind == "manifests" and not reference.startswith("sha256:"):
            digest = read_layout(self._layout).stated.digest
        blob = self._layout / "blobs" / "sha256" / Path(digest.removeprefix("sha256:")).name
        if kind not in ("manifests", "blobs") or not blob.is_file():
            self.send_error(404)
            return
        data = blob.read_bytes()
        self.send_response(200)
        of_blob = "application/octet-stream"
        self.send_header("Content-Type", OCI_MANIFEST if kind == "manifests" else of_blob)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if with_body:
            self.wfile.write(data)
