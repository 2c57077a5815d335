"""What a daemon logs and its containers print does not fill the host; a full disk keeps nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.place import (
    DATA_HOME,
    LOG_HEAD_BYTES,
    LOG_TAIL_BYTES,
    OUTPUT_HEAD_BYTES,
    OUTPUT_TAIL_BYTES,
)
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.daemon.watchdog import own_place
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.traces import traces_after, traces_of

pytestmark = pytest.mark.daemon

BURST, BURSTS = 10 * 1024**2, 4
PRINTED = BURST * BURSTS
KEPT = OUTPUT_HEAD_BYTES + OUTPUT_TAIL_BYTES

CHATTY = f"""
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("Running on", file=sys.stderr, flush=True)
line = b"%07d" + b"." * 1016 + b"\\n"
for number in range({PRINTED // 1024}):
    sys.stdout.buffer.write(line % number)
    if (number + 1) % {BURST // 1024} == 0:
        sys.stdout.flush()
        signal.sigwait([signal.SIGUSR1])
"""
"""Prints more once it is told to: how soon the watchdog looks is the host's business."""


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


async def test_a_chatty_function_does_not_fill_the_host(
    quiet_node: Node, image: ImportedImage
) -> None:
    chatty = replace(image, args=("python3", "-c", CHATTY))
    container = Container(
        "chatty", node=quiet_node, image=chatty, profile=PRESETS["guarded"], kills=KillLog()
    )
    await container.create()
    assert container.stdout.is_relative_to(DATA_HOME)
    await container.start()
    for burst in range(1, BURSTS + 1):
        deadline = time.monotonic() + 60
        while container.stdout.stat().st_size < burst * BURST or (
            allocated(container.stdout) > 2 * KEPT
        ):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        if burst < BURSTS:
            await quiet_node.client.tasks.kill(
                container.id, signal=signal.SIGUSR1, all_processes=False
            )
    with container.stdout.open("rb") as output:
        assert output.readline().startswith(b"0000000.")
    stdout, _ = container.output_tails()
    assert stdout.text.splitlines()[-1].startswith(f"{PRINTED // 1024 - 1:07d}.")
    assert stdout.cut_bytes == PRINTED - 8192
    assert await remove_container(container) == ()
    container.close()


def test_a_daemons_log_is_bounded_and_not_in_memory() -> None:
    chunk = b"debug " * 4096
    most = 2 * (LOG_HEAD_BYTES + LOG_TAIL_BYTES)
    with own_place() as place:
        assert place.log.is_relative_to(DATA_HOME)
        with place.log.open("ab", buffering=0) as log:
            while log.tell() < most + 1024**2:
                log.write(chunk)
            deadline = time.monotonic() + 30
            while allocated(place.log) > LOG_HEAD_BYTES + LOG_TAIL_BYTES + 4096:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert place.log.stat().st_size > most


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which not one byte can be written any more."""
    folder = tmp_path / "full"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=True)
    with (folder / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError):
        while True:
            ballast.write(b"x" * 4096)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_results_folder_keeps_no_daemon_from_going(
    full_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = full_disk / "containerd.log"
    with caplog.at_level(logging.WARNING):
        async with private_daemon(collector=QUIET_COLLECTOR, log_path=log) as node:
            assert traces_of(node.id)
    assert traces_of(node.id) == []
    assert f"the log of {node.id}, to be kept as {log}: No space left on device" in caplog.text


def test_a_killed_owners_log_is_kept(tmp_path: Path) -> None:
    program = """
import asyncio, os
from pathlib import Path
from iluvatar_bench.containerd.daemon.private import private_daemon
async def main():
    async with private_daemon(log_path=Path("containerd.log")) as node:
        print(node.id, flush=True)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    place_id = done.stdout.strip()
    assert place_id, done.stderr
    assert traces_after(place_id, 10.0) == []
    assert "containerd successfully booted" in (tmp_path / "containerd.log").read_text()
