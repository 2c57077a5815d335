from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.host.kernel.cgroup_names import (
    CgroupDriver,
    all_parents,
    container_cgroup,
    relative_cgroup,
    slice_path,
)

NAMES = st.from_regex(r"[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*", fullmatch=True)
PLACES = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)


def test_the_two_ways_to_name_one() -> None:
    parent = "/iluvatar-bench/1f2e3d4c"
    plain = container_cgroup(CgroupDriver.CGROUPFS, parent, "hello-1")
    assert plain.spec == plain.path == "/iluvatar-bench/1f2e3d4c/hello-1"
    unit = container_cgroup(CgroupDriver.SYSTEMD, parent, "hello-1")
    assert unit.spec == "iluvatar_bench-1f2e3d4c.slice:iluvatar_bench:hello-1"
    assert unit.path == (
        "/iluvatar_bench.slice/iluvatar_bench-1f2e3d4c.slice/iluvatar_bench-hello-1.scope"
    )


@given(place=PLACES, name=NAMES)
def test_the_path_is_where_systemd_puts_the_unit(place: str, name: str) -> None:
    """Expanded by the rule of systemd.slice(5): each dash of a slice's name is a level."""
    unit = container_cgroup(CgroupDriver.SYSTEMD, f"/iluvatar-bench/{place}", name)
    slice_, prefix, scope = unit.spec.split(":")
    levels = slice_.removesuffix(".slice").split("-")
    assert all(levels)
    folders = ["-".join(levels[:n]) + ".slice" for n in range(1, len(levels) + 1)]
    assert unit.path == "/" + "/".join([*folders, f"{prefix}-{scope}.scope"])


@given(place=PLACES, name=NAMES)
def test_every_cgroup_of_a_place_is_below_one_of_its_parents(place: str, name: str) -> None:
    parent = f"/iluvatar-bench/{place}"
    paths = [container_cgroup(driver, parent, name).path for driver in CgroupDriver]
    relative = relative_cgroup(parent, name, unified=False)
    paths.append(relative.path)
    assert [path.rpartition("/")[0] for path in paths] == list(all_parents(parent))
    # Relative to the shims' own cgroup: below it in version 1, beside it in version 2.
    assert relative.path == f"{relative.shims}/{relative.spec}"
    beside = relative_cgroup(parent, name, unified=True)
    assert beside.path == f"{parent}/{beside.spec}"
    # Where it lies says whose it is, even if a runtime put it elsewhere.
    assert relative.spec.startswith(f"iluvatar-bench-{place}-")
    assert slice_path(parent) != slice_path(f"/iluvatar-bench/{place}0")
