"""Limits: the spec carries them, the kernel enforces them, and a death at one is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench import run_cold_start
from iluvatar_bench.containerd.oci.spec import runtime_spec
from iluvatar_bench.profiles.limits import Limits
from tests.support.limits_here import needs_memory
from tests.support.outcomes import not_ok
from tests.support.quick_profiles import quick


def spec_with(limits: Limits) -> dict[str, object]:
    return runtime_spec(
        args=["/x"],
        env={},
        cwd="/",
        hostname="h",
        cgroups_path="/iluvatar-bench/x",
        cgroup_v2=False,
        limits=limits,
    )


def test_limits_stand_where_the_runtime_reads_them() -> None:
    spec = spec_with(
        Limits(memory_limit_bytes=64 << 20, cpus=0.5, open_files=256, read_only_root=True)
    )
    assert spec["root"] == {"path": "rootfs", "readonly": True}
    assert spec["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 256, "soft": 256}]
    resources = spec["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20}
    assert resources["cpu"] == {"period": 100_000, "quota": 50_000}
    weighed = spec_with(Limits(cpus=0.5, cpu_shares=20))["linux"]["resources"]
    assert weighed["cpu"] == {"period": 100_000, "quota": 50_000, "shares": 20}
    unlimited = spec_with(Limits())["linux"]["resources"]
    assert set(unlimited) == {"devices"}


def test_the_process_has_no_capability_and_gains_no_privilege() -> None:
    process = spec_with(Limits())["process"]
    assert not any(process["capabilities"].values())
    assert process["noNewPrivileges"] is True


@pytest.mark.daemon
@needs_memory
async def test_a_death_at_the_memory_limit_is_told_by_the_cgroups_counter(tmp_path: Path) -> None:
    result = await run_cold_start(
        quick("guarded", ["memory_limit_mib=64"]),
        trials=3,
        concurrency=1,
        seed=1,
        results=tmp_path,
        function="memory_hog",
        hold_ms=(0, 0),
    )
    found = set(zip(result.trials["bug_class"], result.trials["mechanism"], strict=True))
    assert found == {("oom_killed", "oom")}
    assert result.trials["evidence"].str.contains("oom_kill counter rose by").all()


@pytest.mark.daemon
@needs_memory
async def test_a_function_works_under_limits_on_a_read_only_root_and_leaks_nothing(
    tmp_path: Path,
) -> None:
    settings = ["memory_limit_mib=128", "cpus=1.5", "open_files=256", "read_only_root=yes"]
    result = await run_cold_start(
        quick("guarded", settings),
        trials=3,
        concurrency=2,
        seed=1,
        results=tmp_path,
        hold_ms=(0, 0),
    )
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    assert result.leaked == {}
    assert "left behind" not in str(result)
    assert result.manifest["ledger"]["before"]["containers"] == []


@pytest.mark.daemon
async def test_snapshots_that_wait_for_the_collector_stand_in_the_ledger(tmp_path: Path) -> None:
    result = await run_cold_start(
        quick("iluvatar-2022-08", ["collection=quiet"]),
        trials=2,
        concurrency=1,
        seed=1,
        results=tmp_path,
        hold_ms=(0, 0),
    )
    assert list(result.leaked) == ["active_snapshots"]
    assert len(result.leaked["active_snapshots"]) == 2
    assert "left behind by the trials: 2 active snapshots" in str(result)
