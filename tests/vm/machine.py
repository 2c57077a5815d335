"""Boots the machine, listens to its serial console, and ends it when its time is up."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.vm.recipe import Disk

MARK = "@@STEP@@ "
"""In front of a step's result on the console, which is JSON."""


def boot(
    disk: Disk,
    project: Path,
    *,
    arguments: str = "",
    seconds: float,
    console: Path,
    on_step: Callable[[dict[str, object]], None],
) -> list[dict[str, object]]:
    """Run the machine until it powers itself off, or for so many seconds.

    Both disks stay as they are: what the machine writes is forgotten. It has one network card, from
    which nothing leads out. All that its console says goes to ``console``.

    Returns:
        the results of its steps.
    """
    append = f"root=/dev/vda rw console=ttyS0 panic=-1 quiet bench.steps={arguments}"
    command = [
        *("qemu-system-x86_64", "-M", "q35,hpet=off", "-accel", "tcg", "-cpu", "Nehalem"),
        *("-m", "2048", "-smp", "1", "-no-reboot", "-display", "none", "-monitor", "none"),
        *("-nic", "user,restrict=on", "-serial", "stdio"),
        *("-kernel", str(disk.kernel), "-initrd", str(disk.initrd), "-append", append),
    ]
    for file in (disk.root, project):
        command += ["-drive", f"file={file},format=raw,if=virtio,snapshot=on"]
    steps: list[dict[str, object]] = []
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert machine.stdout is not None
    # It is ended by its own process id, whatever it is doing: reading its console would wait on.
    limit = threading.Timer(seconds, machine.kill)
    limit.start()
    began = time.monotonic()
    try:
        with console.open("wb") as log:
            for line in machine.stdout:
                log.write(line)
                log.flush()
                said = line.decode(errors="replace").strip()
                if MARK in said:
                    step = json.loads(said.partition(MARK)[2])
                    step["at_seconds"] = round(time.monotonic() - began, 1)
                    steps.append(step)
                    on_step(step)
    finally:
        limit.cancel()
        machine.kill()
        machine.wait()
        machine.stdout.close()
    return steps
