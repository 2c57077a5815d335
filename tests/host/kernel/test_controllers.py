"""Which controllers containers can have, and what is refused without them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.errors import EnvironmentProblem
from iluvatar_bench.host.doctor import check_host
from iluvatar_bench.host.kernel import controllers
from iluvatar_bench.host.kernel.mounts import MountEntry, mounts_of
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


def test_doctor_says_which_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, said in (
        ("cpu io memory pids", "cpu, memory, pids"),
        ("pids cpu", "cpu, pids; not memory"),
        ("io", "none of cpu, memory, pids"),
    ):
        hosting(monkeypatch, unified(tmp_path, controllers=given, subtree_control="\n"))
        (check,) = (c for c in check_host() if c.name == "cgroup controllers")
        assert check.found == said
        assert check.ok == (check.remedy == "") == ("not" not in said and "none" not in said)


def test_each_cgroup_above_is_asked_for_what_it_does_not_give_yet(tmp_path: Path) -> None:
    """Files stand for the kernel's, and tell what was asked for last."""
    given = {
        "": "cpu memory\n",
        "a": "memory pids\n",
        "a/b": "cpu memory pids\n",
        "a/b/c": "hugetlb pids cpu\n",
        "a/b/c/d": "cpu memory\n",
    }
    for cgroup, names in given.items():
        (tmp_path / cgroup).mkdir(exist_ok=True)
        (tmp_path / cgroup / "cgroup.subtree_control").write_text(names)
    (tmp_path / "beside").mkdir()
    controllers.give_from(tmp_path, "/a/b/c/d")
    asked = {cgroup: (tmp_path / cgroup / "cgroup.subtree_control").read_text() for cgroup in given}
    assert asked == given | {"": "+pids", "a": "+cpu", "a/b/c": "+memory"}
    assert list((tmp_path / "beside").iterdir()) == []


@pytest.fixture
def deep() -> Iterator[tuple[Path, str]]:
    """Version 2's root, also of a hybrid host, and three cgroups of our own in each other."""
    root = next((Path(m.mount_point) for m in mounts_of("cgroup2")), None)
    if root is None or os.geteuid() != 0:
        pytest.skip("needs root and cgroup version 2")
    top = root / f"iluvatar-bench-test-{secrets.token_hex(4)}"
    (top / "a" / "b").mkdir(parents=True)
    yield root, f"/{top.name}/a/b"
    for directory in (top / "a" / "b", top / "a", top):
        directory.rmdir()


def test_the_kernel_gives_each_cgroup_what_the_one_above_was_asked_for(
    deep: tuple[Path, str],
) -> None:
    root, path = deep
    # What the root gives already, whatever it is: nothing is asked of a cgroup that is not ours.
    given = (root / "cgroup.subtree_control").read_text().split()
    if not given:
        pytest.skip("the root of version 2 gives no controller here")
    own = root / path.lstrip("/") / "cgroup.controllers"
    assert own.read_text().split() == []
    controllers.give_from(root, path, wanted=given[:1])
    assert own.read_text().split() == given[:1]


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
