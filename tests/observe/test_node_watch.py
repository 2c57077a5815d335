"""Leases as they come and go, and collections as they show on the disk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import LeaseInfo
from iluvatar_bench.observe import collection_watch, lease_log
from iluvatar_bench.observe.collection_watch import (
    CollectionWatch,
    SeenCollection,
    watched_collections,
)
from iluvatar_bench.observe.health import ORPHAN_SECONDS, Orphan, orphans_by_client
from iluvatar_bench.observe.lease_log import LeaseLog
from iluvatar_bench.observe.life import ObservedLife, ObservedTask
from tests.support.waiting import wait_for


class Listed:
    """Stands where a client does: its leases are those that the test lists."""

    def __init__(self) -> None:
        self.there: list[LeaseInfo] = []

    @property
    def leases(self) -> Listed:
        return self

    async def details(self) -> tuple[LeaseInfo, ...]:
        return tuple(self.there)


def lease(name: str, *, expires: float | None = None) -> LeaseInfo:
    when = None if expires is None else datetime.fromtimestamp(expires, UTC)
    return LeaseInfo(id=name, created_at=None, expires_at=when, labels={})


async def changes(log: LeaseLog, now: float) -> list[tuple[Any, Any]]:
    rows = await log.look(["ns"], now=now)
    return [(row["lease"], row["change"]) for row in rows]


async def test_a_lease_is_told_when_it_comes_goes_and_runs_out(monkeypatch: Any) -> None:
    listed = Listed()
    log = LeaseLog(lambda _: cast(Client, listed))
    listed.there = [lease("old"), lease("short", expires=50)]
    assert await changes(log, 10) == [("old", "found"), ("short", "found")]
    listed.there = [lease("old"), lease("short", expires=50), lease("new")]
    assert await changes(log, 20) == [("new", "created")]
    # Over, and still listed: containerd removes it in its next collection.
    listed.there = [lease("short", expires=50), lease("new")]
    assert await changes(log, 60) == [("old", "deleted"), ("short", "expired")]
    assert (log.count, log.expired) == (2, 1)
    listed.there = [lease("new")]
    assert await changes(log, 70) == []
    assert (log.count, log.expired) == (1, 0)
    monkeypatch.setattr(lease_log, "MOST_LEASES", 2)
    listed.there = [lease(f"many-{number}") for number in range(5)]
    await changes(log, 80)
    assert (log.count, log.beyond) == (2, 3)


async def test_directories_that_go_together_went_in_one_collection(tmp_path: Path) -> None:
    snapshots = tmp_path / "io.containerd.snapshotter.v1.overlayfs" / "snapshots"
    for name in ("1", "2", "3", "new-123"):
        (snapshots / name).mkdir(parents=True)
    seen: list[SeenCollection] = []
    async with watched_collections(tmp_path, seen.append) as watch:
        # A draft that becomes a snapshot is none that went.
        (snapshots / "new-123").rename(snapshots / "4")
        (snapshots / "1").rmdir()
        (snapshots / "2").rmdir()

        def two() -> bool:
            return sum(one.directories for one in watch.under_way) == 2

        await asyncio.to_thread(wait_for, two, seconds=10)
        assert watch.count == 0, "it may go on"
    assert [(one.snapshotter, one.directories) for one in seen] == [("overlayfs", 2)]


async def test_what_has_waited_together_went_together_however_slowly_it_is_read(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """No pause of the reader's own divides a collection, not even the shortest."""
    monkeypatch.setattr(collection_watch, "TOGETHER_SECONDS", 0.0)
    snapshots = tmp_path / "io.containerd.snapshotter.v1.native" / "snapshots"
    numbers = [str(number) for number in range(50)]
    for name in numbers:
        (snapshots / name).mkdir(parents=True)
    seen: list[SeenCollection] = []
    async with watched_collections(tmp_path, seen.append) as watch:
        for name in numbers:
            (snapshots / name).rmdir()
        await asyncio.to_thread(wait_for, lambda: watch.under_way, seconds=10)
    assert [(one.snapshotter, one.directories) for one in seen] == [("native", 50)]


def test_a_pause_divides_two_collections() -> None:
    seen: list[SeenCollection] = []
    watch = CollectionWatch(seen.append)
    for at in (1.0, 1.1, 2.0):
        watch.note("overlayfs", at)
    watch.end_old(3.0)
    assert [one.directories for one in seen] == [2, 1]
    assert watch.count == 2


async def test_where_the_folders_are_not_known_none_is_counted(tmp_path: Path) -> None:
    async with watched_collections(tmp_path, print) as watch:
        assert watch.count is None
        assert watch.why


def test_what_nobody_has_come_for_in_a_minute_is_left_behind() -> None:
    now = 1000.0
    lives = [ObservedLife("ns", name, 0.0, 0.0) for name in ("ended", "begun", "idle", "fresh")]
    for life, died in zip(lives[:2], (now - ORPHAN_SECONDS - 1, None), strict=True):
        life.task = ObservedTask(1, 0.0)
        life.task.died_at = died
    lives[3].created_at = now - 1
    found = {kind: count for (_, kind), count in orphans_by_client(lives, now=now).items()}
    assert found == {Orphan.ENDED: 1, Orphan.NEVER_STARTED: 1}
