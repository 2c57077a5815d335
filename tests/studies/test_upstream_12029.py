"""The calls of containerd/containerd#12029 against a real containerd."""

from __future__ import annotations

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.studies.upstream_12029 import IMPORTED, report_calls

CALLS = ["Containers.Create", "Snapshots.Prepare", "Tasks.Create", "Tasks.Start"]


@pytest.mark.daemon
@pytest.mark.parametrize("snapshotter", ["overlayfs", "native"])
async def test_the_reports_calls_end_in_its_error(snapshotter: str) -> None:
    calls = await report_calls(snapshotter=snapshotter)
    assert list(calls["call"])[:4] == CALLS
    answers = calls.set_index("call")["answer"]
    assert "not found" in answers["Snapshots.Stat"]
    assert answers["(list /)"] in ("0 names", "No such file or directory")
    assert answers[f"(import {IMPORTED})"].startswith("exit 1: ModuleNotFoundError")


@pytest.mark.daemon
async def test_two_lines_in_the_record_end_it() -> None:
    calls = await report_calls(named=True)
    answers = calls.set_index("call")["answer"]
    assert int(answers["(list /)"].removesuffix(" names")) > 5
    assert answers["(stat /etc/passwd)"] == "there"
    assert list(calls["answer"])[-1] == f"exit 0: imported {IMPORTED}"
    assert answers["Snapshots.Stat"] == "found"


async def test_an_unknown_snapshotter_starts_nothing() -> None:
    with pytest.raises(UsageError, match="no snapshotter 'zfs'; there are: overlayfs, native"):
        await report_calls(snapshotter="zfs")
