"""Boots the machine, listens to its serial console, and ends it when its time is up."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.vm.recipe import Disk

MARK = "@@STEP@@ "
"""In front of a step's result on the console, which is JSON."""

LAST = "ended"
"""What is told when no step is left to run: a machine that was ended before does not tell it."""

OnStep = Callable[[dict[str, object]], None]


def boot(
    disk: Disk,
    project: Path,
    *,
    arguments: str = "",
    seconds: float,
    console: Path,
    on_step: OnStep,
) -> list[dict[str, object]]:
    """Run the machine until it powers itself off, or for so many seconds.

    Both disks stay as they are: what the machine writes is forgotten. It has one network card, from
    which nothing leads out. All that its console says goes to ``console``.

    Returns:
        the results of its steps.
    """
    append = f"root=/dev/vda rw console=ttyS0 panic=-1 quiet {arguments}"
    command = [
        *("qemu-system-x86_64", "-M", "q35,hpet=off", "-cpu", "Nehalem"),
        # Two processors, each a thread of the host.
        *("-accel", "tcg,thread=multi", "-smp", "2", "-m", "2048"),
        *("-no-reboot", "-display", "none", "-monitor", "none"),
        *("-nic", "user,restrict=on", "-serial", "stdio"),
        *("-kernel", str(disk.kernel), "-initrd", str(disk.initrd), "-append", append),
    ]
    for file in (disk.root, project):
        command += ["-drive", f"file={file},format=raw,if=virtio,snapshot=on"]
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert machine.stdout is not None
    with machine.stdout:
        return listen(machine, machine.stdout, seconds=seconds, console=console, on_step=on_step)


def listen(
    machine: subprocess.Popen[bytes],
    said: Iterable[bytes],
    *,
    seconds: float,
    console: Path,
    on_step: OnStep,
) -> list[dict[str, object]]:
    """Read what a machine says until it ends, or is ended when its time is up.

    Returns:
        the results of its steps.
    """
    steps: list[dict[str, object]] = []
    # It is ended by its own process id, whatever it is doing: reading its console would wait on.
    limit = threading.Timer(seconds, machine.kill)
    limit.start()
    began = time.monotonic()
    try:
        with console.open("wb") as log:
            for line in said:
                log.write(line.rstrip(b"\r\n") + b"\n")
                log.flush()
                text = line.decode(errors="replace").strip()
                if MARK in text:
                    step = json.loads(text.partition(MARK)[2])
                    step["at_seconds"] = round(time.monotonic() - began, 1)
                    step.setdefault("seconds", step["at_seconds"])
                    steps.append(step)
                    on_step(step)
    finally:
        limit.cancel()
        machine.kill()
        machine.wait()
    return steps
