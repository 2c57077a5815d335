"""A container whose process is in another cgroup than its spec says: seen, explained, and ended.

runc up to 1.1.5 leaves it so where systemd already has the unit that the container was to be in.
Here a runtime does it that moves the process back once it is made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.host.kernel import processes
from iluvatar_bench.lifecycle import KillLog, removal
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.trial import Setting, run_trial

STAND_IN = """\
#!/bin/sh
# Of version 1 every hierarchy has a root, of version 2 there is one (below it are cgroups).
runc "$@" || exit
for word; do
    [ "$before" = --pid-file ] && pid=$(cat "$word")
    before=$word
done
case " $* " in *" create "*)
    for procs in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
        ! mountpoint -q "${procs%/*}" || [ ! -e "$procs" ] || echo "$pid" >"$procs"
    done
esac
"""


@pytest.fixture
def node(quiet_node: Node, tmp_path: Path) -> Node:
    runtime = tmp_path / "runc-that-joins-nothing"
    runtime.write_text(STAND_IN)
    runtime.chmod(0o755)
    return replace(quiet_node, runtime_binary=runtime)


async def one_life(node: Node, image: ImportedImage, kill: str) -> Trial:
    profile = resolve_profile("guarded", ["collection=quiet", f"kill={kill}"])
    setting = Setting(f"run-{node.id}", node, image, profile, KillLog())
    return await run_trial(setting, PlannedTrial(index=0, function="outside", hold_ms=0))


@pytest.mark.daemon
async def test_a_kill_by_the_cgroup_misses_it_and_it_is_ended_all_the_same(
    node: Node, image: ImportedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "EXIT_SECONDS", 1.0)
    before = await take_inventory(node, snapshotters=["overlayfs"])
    trial = await one_life(node, image, "all")
    assert trial.outcome is Outcome.FAILED
    assert (trial.bug_class, trial.mechanism) == ("deadline", "cgroup_not_joined")
    assert trial.evidence is not None
    assert trial.evidence["cgroup_joined"] is False
    assert not processes.is_alive(trial.evidence["pid"])
    assert (await take_inventory(node, snapshotters=["overlayfs"])).beyond(before) == {}


@pytest.mark.daemon
async def test_where_its_number_is_killed_the_harm_is_noted_though_nothing_failed(
    node: Node, image: ImportedImage
) -> None:
    trial = await one_life(node, image, "init")
    assert trial.outcome is Outcome.OK
    assert trial.evidence == {"latent": "cgroup_not_joined"}
