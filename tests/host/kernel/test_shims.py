"""A shim is known by its own arguments; what only starts one, or cleans up after one, is none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from iluvatar_bench.host.kernel.shims import shim_of, shim_processes, visible_shims


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[int]:
    """A process that was started with these arguments, as /proc tells them."""
    name, *rest = arguments
    with subprocess.Popen(
        [name, "-c", "echo up; read line", *rest],
        executable="/bin/sh",
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process.pid
        process.communicate(b"\n")


def options(socket: Path, container: str) -> tuple[str, ...]:
    return ("-namespace", "ns", "-id", container, "-address", str(socket))


def test_a_shim_and_its_helpers(tmp_path: Path) -> None:
    socket, link, other = tmp_path / "s", tmp_path / "link" / "s", tmp_path / "other"
    (tmp_path / "link").symlink_to(tmp_path)
    program = "/usr/bin/containerd-shim-runc-v2"
    with ExitStack() as stack:

        def start(*arguments: str) -> int:
            return stack.enter_context(running(*arguments, cwd=tmp_path))

        deleting = start(program, *options(socket, "gone"), "-bundle", "b", "-debug", "delete")
        starting = start(program, *options(socket, "early"), "start")
        serving = start(program, *options(socket, "c"))
        through_link = start(program, *options(link, "d"))
        foreign = start(program, *options(other, "c"))
        start("/usr/bin/containerd", *options(socket, "no-shim"))
        incomplete = start(program, "-address", str(socket))

        seen = {shim.pid: shim for shim in visible_shims()}
        assert {serving, through_link, foreign} <= set(seen)
        assert not {deleting, starting, incomplete} & set(seen)
        shim = seen[serving]
        assert (shim.namespace, shim.container_id, shim.address) == ("ns", "c", socket)
        assert shim.bundle == tmp_path

        assert shim_of(socket, "c") == serving
        assert shim_of(other, "c") == foreign
        assert shim_of(socket, "d") == through_link
        assert shim_of(socket, "gone") is shim_of(socket, "early") is None
        # Those that end a containerd's processes must not leave its helpers behind.
        assert set(shim_processes(socket)) == {deleting, starting, serving, through_link}
    assert shim_processes(socket) == ()
