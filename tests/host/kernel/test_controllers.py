"""Which controllers containers can have, and what is refused without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.kernel import controllers
from iluvatar_bench.host.kernel.mounts import MountEntry
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.runs.testbed import TestbedSettings


def unified(folder: Path, **files: str) -> MountEntry:
    for name, text in files.items():
        (folder / f"cgroup.{name}").write_text(text)
    return MountEntry("/", str(folder), "cgroup2", "cgroup2", ("rw",))


def hosting(monkeypatch: pytest.MonkeyPatch, *entries: MountEntry) -> None:
    monkeypatch.setattr(controllers, "read_mountinfo", lambda: entries)


def test_version_2_gives_what_its_root_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = unified(tmp_path, controllers="cpuset cpu io memory pids\n", subtree_control="\n")
    hosting(monkeypatch, entry)
    assert controllers.missing_controllers() == ()
    # In a container whose own processes are in the root: what it does not give, it cannot.
    unified(tmp_path, type="domain\n", procs="1\n17\n", subtree_control="cpu pids\n")
    assert controllers.missing_controllers() == ("memory",)
    unified(tmp_path, procs="\n")
    assert controllers.missing_controllers() == ()


def test_hybrid_has_those_of_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_1 = MountEntry("/", "/x/memory", "cgroup", "cgroup", ("rw", "memory"))
    hosting(monkeypatch, unified(tmp_path, controllers="\n", subtree_control="\n"), version_1)
    assert controllers.missing_controllers() == ("cpu", "pids")


def test_limits_that_cannot_be_kept_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosting(monkeypatch, unified(tmp_path, controllers="pids\n", subtree_control="\n"))
    for setting, controller in (("memory_limit_mib=64", "memory"), ("cpus=0.5", "cpu")):
        profile = resolve_profile("guarded", [setting])
        with pytest.raises(EnvironmentProblem) as refused:
            TestbedSettings(profiles=(profile,))
        said = str(refused.value)
        assert f"{setting} needs the cgroup controller {controller}" in said
        assert "it gives pids" in said
        assert f"+{controller}" in said
    TestbedSettings(profiles=(resolve_profile("guarded"),))
