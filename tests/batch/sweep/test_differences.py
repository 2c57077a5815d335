"""Versions that must match, and hosts that differ, in words."""

from __future__ import annotations

from iluvatar_bench.batch.sweep.differences import unequal_hosts, unequal_versions


def test_versions_that_differ_are_one_line_with_their_hosts() -> None:
    here = {"iluvatar-bench": "0.1.0", "distributed": "2026.1", "python": "3.11", "commit": "abc"}
    others = {
        "the scheduler": {"distributed": "2026.1", "python": "3.11"},
        "b": {**here, "distributed": "2025.9"},
        "c": {**here, "distributed": "2025.9", "commit": "abc-dirty"},
        "d": {"iluvatar-bench": "0.1.0", "distributed": "2026.1", "python": "3.11"},
    }
    assert unequal_versions(here, others) == (
        "distributed is 2026.1 here and 2025.9 on b, c; commit is abc here and abc-dirty on c"
    )
    assert unequal_versions(here, {"d": others["d"], "s": others["the scheduler"]}) is None


def test_hosts_that_differ_are_told_by_what_decides_about_failures() -> None:
    facts = {"kernel": "6.1", "runc": "1.1.5", "cpus": 2, "memory_bytes": 1}
    hosts = {
        "a": {**facts, "hostname": "a"},
        "b": {**facts, "hostname": "b", "memory_bytes": 2},
        "c": {**facts, "hostname": "c", "kernel": "6.5", "cpus": 4},
    }
    assert unequal_hosts(hosts) == ("kernel: 6.1 on a, b; 6.5 on c", "cpus: 2 on a, b; 4 on c")
    del hosts["c"]
    assert unequal_hosts(hosts) == ()
