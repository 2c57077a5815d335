"""Which faults are told of which version."""

from __future__ import annotations

import pytest

from iluvatar_bench.containerd.daemon.known_bugs import containerd_bugs, runtime_bugs


@pytest.mark.parametrize(
    ("version", "names"),
    [
        (
            "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3",
            {"pull and collector", "restless collector"},
        ),
        ("containerd github.com/containerd/containerd v1.6.36", {"pull and collector"}),
        ("containerd github.com/containerd/containerd 1.7.24~ds1", set()),
        ("containerd containerd.io v2.1.9", set()),
        ("containerd containerd.io dev", set()),
    ],
)
def test_of_containerd(version: str, names: set[str]) -> None:
    assert {bug.name for bug in containerd_bugs(version)} == names


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("runc version 1.1.5+ds1", {"unit that exists", "shared cgroup"}),
        ("runc version 1.1.15", {"shared cgroup"}),
        ("runc version 1.3.3", set()),
        ("crun version 1.8.1", {"hybrid cgroups", "shared cgroup"}),
        ("crun version 1.21", {"hybrid cgroups", "shared cgroup"}),
        ("runsc version release-20221219.0", set()),
    ],
)
def test_of_runtimes(version: str, names: set[str]) -> None:
    bugs = runtime_bugs(version)
    assert {bug.name for bug in bugs} == names
    assert all(bug.remedy and bug.source for bug in bugs)
