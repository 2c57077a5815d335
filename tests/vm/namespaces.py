"""The machine without emulation: its disk's systemd in namespaces of this host's kernel.

It boots in a second, and its steps run at full speed. The host's version 2 of cgroups is there
alone, with whatever controllers are not version 1's: on a hybrid host none, so that no limits can
be kept. The kernel's witness does not see processes of another PID namespace by the numbers that
they have in it.
"""

from __future__ import annotations

import os
import pty
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.vm.machine import OnStep, listen
from tests.vm.make_disk import NotHere
from tests.vm.recipe import Disk

ENTER = Path(__file__).with_name("enter")
UNSHARED = ("--mount", "--pid", "--cgroup", "--net", "--uts", "--ipc")
GONE_SECONDS = 10.0
"""How long the kernel may take to end what is in a PID namespace whose first process was killed."""


def boot_in_namespaces(
    disk: Disk,
    project: Path,
    *,
    arguments: str = "",
    seconds: float,
    console: Path,
    on_step: OnStep,
) -> list[dict[str, object]]:
    """The same as :func:`~tests.vm.machine.boot`.

    Raises:
        NotHere: this host has no cgroup version 2.
        subprocess.SubprocessError: the disk could not be copied.
    """
    with tempfile.TemporaryDirectory(prefix="bench-vm-root-") as folder, _own_cgroup() as cgroup:
        # What is written to a disk that is mounted stays.
        copied = Path(folder) / "root.ext4"
        subprocess.run(["cp", "--sparse=always", disk.root, copied], check=True, timeout=300)
        root = Path(folder) / "root"
        root.mkdir()
        master, slave = pty.openpty()
        inside = [copied, project, root, cgroup, os.ttyname(slave), arguments]
        machine = subprocess.Popen(
            [
                *("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(cgroup)),
                *("unshare", *UNSHARED, "--propagation", "private", "--fork", "--kill-child"),
                *(str(part) for part in (ENTER, *inside)),
            ],
            # So that it is open from before the first word until after the last.
            stdin=slave,
            start_new_session=True,
        )
        os.close(slave)
        try:
            return listen(
                machine, _lines(master), seconds=seconds, console=console, on_step=on_step
            )
        finally:
            os.close(master)


def _lines(terminal: int) -> Iterator[bytes]:
    """What is said at a terminal, until nobody has it open any more: then reading it is EIO."""
    rest = b""
    with suppress(OSError):
        while said := os.read(terminal, 65536):
            *lines, rest = (rest + said).split(b"\n")
            yield from lines


@contextmanager
def _own_cgroup() -> Iterator[Path]:
    found = subprocess.run(
        ["findmnt", "--noheadings", "--first-only", "--types", "cgroup2", "--output", "TARGET"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if found.returncode != 0:
        raise NotHere("needs a cgroup hierarchy of version 2")
    cgroup = Path(found.stdout.strip()) / f"iluvatar-bench-machine-{secrets.token_hex(4)}"
    cgroup.mkdir()
    try:
        yield cgroup
    finally:
        (cgroup / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + GONE_SECONDS
        while "populated 1" in (cgroup / "cgroup.events").read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes are left in {cgroup}")
            time.sleep(0.05)
        for below, _, _ in os.walk(cgroup, topdown=False):
            Path(below).rmdir()
