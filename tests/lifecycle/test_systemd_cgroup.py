"""Cgroups that systemd makes: what reaches the runtime, where it ends up, what a host lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.containerd._api.runc_options_pb2 import Options
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel import cgroups, init_system
from iluvatar_bench.host.kernel.cgroup_names import CgroupDriver
from iluvatar_bench.lifecycle import KillLog, remove_container
from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.records import Outcome
from iluvatar_bench.runs.leaks import take_inventory
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.fake_containerd import fake_containerd
from tests.support.limits_here import MEMORY_COUNTED

PROFILE = resolve_profile("guarded", ["cgroup_driver=systemd", "collection=quiet"])
IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")

STAND_IN = """\
#!/usr/bin/env python3
import json, os, sys
from pathlib import Path

arguments = sys.argv[1:]
with Path({log!r}).open("a") as log:
    log.write(json.dumps(arguments) + "\\n")
arguments = [a for a in arguments if a != "--systemd-cgroup"]
if "create" in arguments:
    file = Path(arguments[arguments.index("--bundle") + 1]) / "config.json"
    spec = json.loads(file.read_text())
    slice_, prefix, name = spec["linux"]["cgroupsPath"].split(":")
    levels = slice_.removesuffix(".slice").split("-")
    above = ["-".join(levels[:n]) + ".slice" for n in range(1, len(levels) + 1)]
    spec["linux"]["cgroupsPath"] = "/" + "/".join([*above, f"{{prefix}}-{{name}}.scope"])
    file.write_text(json.dumps(spec))
os.execvp("runc", ["runc", *arguments])
"""
"""A runtime that makes the cgroup where systemd would, by the rules of runc's docs/systemd.md and
systemd.slice(5), written down once more; the rest is the installed runc's."""


async def test_the_request_says_systemd_and_the_spec_names_slice_prefix_and_name(
    short_folder: Path,
) -> None:
    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        node = Node("fake", client, socket, "/iluvatar-bench/fake", None, short_folder, None)
        for driver in CgroupDriver:
            profile = resolve_profile("guarded", [f"cgroup_driver={driver}"])
            setting = Setting("test-fake", node, IMAGE, profile, KillLog())
            await run_trial(setting, PlannedTrial(index=0, function=driver, hold_ms=0))
    by_systemd = fake.created_tasks["systemd-est-fake-00000"]
    options = Options.FromString(by_systemd.options.value)
    assert by_systemd.options.type_url == "containerd.runc.v1.Options"
    assert options.systemd_cgroup
    by_runc = fake.created_tasks["cgroupfs-est-fake-00000"]
    assert not by_runc.HasField("options")
    paths = [json.loads(spec)["linux"]["cgroupsPath"] for spec in fake.specs]
    assert paths == [
        "/iluvatar-bench/fake/cgroupfs-est-fake-00000",
        "iluvatar_bench-fake.slice:iluvatar_bench:systemd-est-fake-00000",
    ]


@pytest.mark.daemon
async def test_a_whole_life_in_a_scope_is_seen_and_leaves_nothing(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    runtime = tmp_path / "runc-as-by-systemd"
    runtime.write_text(STAND_IN.format(log=str(log)))
    runtime.chmod(0o755)
    node = replace(quiet_node, runtime_binary=runtime)
    before = await take_inventory(node, snapshotters=["overlayfs"])
    container = Container("c", node=node, image=image, profile=PROFILE, kills=KillLog())
    try:
        await container.create()
        await container.start()
        place = f"iluvatar_bench-{node.id}.slice"
        assert container.cgroup == f"/iluvatar_bench.slice/{place}/iluvatar_bench-c.scope"
        assert container.pid in (cgroups.members(container.cgroup) or ())
        assert cgroups.oom_kills(container.cgroup) == (0 if MEMORY_COUNTED else None)
        now = await take_inventory(node, snapshotters=["overlayfs"])
        assert now.beyond(before)["cgroups"] == ["iluvatar_bench-c.scope"]
        await remove_container(container)
    finally:
        container.close()
    assert (await take_inventory(node, snapshotters=["overlayfs"])).beyond(before) == {}
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    without_flag = [call for call in calls if "--systemd-cgroup" not in call]
    # The shim's last clean-up, a program of its own, knows no options of the task.
    assert [call[-3:] for call in without_flag] in ([], [["delete", "--force", "c"]])
    assert any("create" in call for call in calls)


@pytest.mark.daemon
@pytest.mark.skipif(init_system.is_systemd(), reason="systemd is the init here")
async def test_the_real_runtime_gets_the_flag_and_says_what_is_missing(
    quiet_node: Node, image: ImportedImage
) -> None:
    setting = Setting("test-sysd", quiet_node, image, PROFILE, KillLog())
    trial = await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))
    assert (trial.outcome, trial.failed_step) == (Outcome.FAILED, "task_create")
    assert "systemd" in (trial.error or "")
    assert await quiet_node.client.containers.list() == ()


@pytest.mark.daemon
@pytest.mark.skipif(not init_system.is_systemd(), reason="systemd is not the init here")
async def test_where_systemd_is_the_init_the_container_runs_in_its_scope(
    quiet_node: Node, image: ImportedImage
) -> None:
    container = Container("c", node=quiet_node, image=image, profile=PROFILE, kills=KillLog())
    try:
        await container.create()
        await container.start()
        assert container.pid in (cgroups.members(container.cgroup) or ())
        await remove_container(container)
        assert not cgroups.members(container.cgroup)
    finally:
        container.close()


def test_a_host_without_systemd_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(init_system, "_BOOTED", tmp_path / "none")
    init_system.require_driver(CgroupDriver.CGROUPFS)
    with pytest.raises(EnvironmentProblem, match=r"needs systemd as this host's init, which is "):
        init_system.require_driver(CgroupDriver.SYSTEMD)
    monkeypatch.setattr(init_system, "_BOOTED", tmp_path)
    init_system.require_driver(CgroupDriver.SYSTEMD)
