"""What the printed unit leaves an observation is enough: to write, and of root's capabilities."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.host.kernel.mounts import read_mountinfo
from iluvatar_bench.observe.unit import systemd_unit
from iluvatar_bench.runs import open_run
from tests.audit.clients import RawWorker
from tests.observe.observing import observing
from tests.observe.test_observe_daemon import TALKING, forget, kill_from_outside, said

pytestmark = [pytest.mark.daemon, pytest.mark.slow]

ENDING = ("python3", "-c", "print('why it ended'); raise SystemExit(3)")

KERNELS = ("/dev", "/proc", "/sys")
"""What ``ProtectSystem=strict`` leaves as it is (systemd.exec(5))."""


def settings(unit: str, name: str) -> list[str]:
    """The words of one of its settings."""
    found = re.search(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return found[1].split() if found is not None else []


def as_the_unit_has_it(unit: str) -> Sequence[str]:
    """A program that runs another one in such a place, in a mount namespace of its own.

    Systemd does the same: what may be written to is mounted upon itself, all else read-only.
    """
    writable = [path for path in settings(unit, "ReadWritePaths") if not path.startswith("-")]
    runtime = [f"/run/{name}" for name in settings(unit, "RuntimeDirectory")]
    kept = (*KERNELS, *writable, *runtime)
    others = [
        entry.mount_point
        for entry in read_mountinfo()
        if not any(f"{entry.mount_point}/".startswith(f"{path}/") for path in kept)
    ]
    capabilities = [name.removeprefix("CAP_") for name in settings(unit, "CapabilityBoundingSet")]
    bounds = ",".join(("-all", *(f"+{name.lower()}" for name in capabilities)))
    steps = [
        "set -e",
        *(f"mkdir -p -m 0700 {path}" for path in runtime),
        *(f"mount --bind {path} {path}" for path in (*writable, *runtime)),
        # Others' may have gone meanwhile.
        *(f"mount -o remount,bind,ro {path} || test {path} != /" for path in others),
        "if touch /run/own-file /own-file; then exit 1; fi",
        f'exec setpriv --bounding-set={bounds} --no-new-privs "$@"',
    ]
    return ("unshare", "--mount", "sh", "-c", "\n".join(steps), "sh")


async def test_it_sees_who_kills_and_what_was_said(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    node, out = quiet_node, tmp_path / "observed"
    out.mkdir()
    unit = systemd_unit("/usr/bin/iluvatar-bench", folder=out, arguments=[])
    worker = RawWorker(node=node, image=image, own_cgroup=True, args=TALKING)
    ending = RawWorker(node=node, image=image, own_cgroup=True, args=ENDING)
    async with observing(node.address, out, by=as_the_unit_has_it(unit)) as watching:
        await worker.create("unit-killed")
        await said(node, "unit-killed")
        await kill_from_outside(node, "unit-killed")
        await ending.create("unit-ended")
        await node.client.tasks.wait_exit("unit-ended")
        await watching.notes("end unit-ended")
        await forget(node, "unit-ended")
        await watching.wait_for("trial", 2)
        await watching.end()
    run = open_run(out)
    assert run.manifest["witness"]["remark"] is None
    trials = run.trials.set_index("container_id")
    killed, ended = (trials.loc[f"iluvatar-bench/unit-{name}"] for name in ("killed", "ended"))
    assert (killed["bug_class"], killed["mechanism"]) == ("process_died", "foreign_kill")
    assert json.loads(killed["evidence"])["proven"]
    assert "why it ended" in ended["evidence"]
