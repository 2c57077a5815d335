"""Whether a process is in the cgroup that it was to join."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator

import pytest

from iluvatar_bench.host.kernel import cgroups, processes
from iluvatar_bench.host.kernel.joined_cgroup import joined_cgroup

pytestmark = pytest.mark.daemon


@pytest.fixture
def path() -> Iterator[str]:
    path = f"{cgroups.PARENT}/test-{secrets.token_hex(4)}"
    cgroups.make(f"{path}/inner")
    yield path
    cgroups.remove_tree(path)
    cgroups.remove_if_empty(cgroups.PARENT)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "60"])
    yield child
    processes.end(lambda: [child.pid])
    child.wait()


def test_a_process_is_in_its_cgroup_or_below_it_or_elsewhere(
    path: str, child: subprocess.Popen[bytes]
) -> None:
    outside = joined_cgroup(child.pid, path)
    assert outside is not None
    assert not outside.joined
    assert not outside.where.startswith(path)
    for mount in cgroups.hierarchies():
        (mount / f"{path}/inner".lstrip("/") / "cgroup.procs").write_text(str(child.pid))
    for above in (path, f"{path}/inner"):
        inside = joined_cgroup(child.pid, above)
        assert inside is not None
        assert inside.joined
        assert inside.where == f"{path}/inner"
    # A name that begins alike is another cgroup.
    beside = joined_cgroup(child.pid, path[:-1])
    assert beside is not None
    assert not beside.joined


def test_of_one_that_has_ended_nothing_is_known(path: str) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert joined_cgroup(child.pid, path) is None


def test_the_controllers_above_are_those_of_the_nearest_cgroup_that_exists(path: str) -> None:
    mount = cgroups.hierarchies()[0]
    found = cgroups.controllers_above(f"{path}/gone/gone/c")
    if cgroups.mode() != "v2":
        assert found is None
    else:
        nearest = mount / path.lstrip("/") / "cgroup.subtree_control"
        assert found == tuple(nearest.read_text().split())
