"""How late exits come after the answers to Kills, and from when on Kills are known."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iluvatar_bench.lifecycle import KillLog, kill_log


def killed(log: KillLog, container_id: str, late_seconds: float) -> None:
    with log.record(container_id, cgroup="/x", all_processes=False, signal=9):
        pass
    (kill,) = log.of(container_id)
    assert kill.ended_at is not None
    log.reaped(container_id, datetime.fromtimestamp(kill.ended_at + late_seconds, UTC))


def test_the_reaping_latency_is_measured_on_our_own_kills() -> None:
    log = KillLog()
    assert log.reaping_seconds() is None
    for number in range(10):
        killed(log, f"c{number}", number / 100)
    assert log.reaping_seconds() == pytest.approx(0.09, abs=1e-4)
    # One in two hundred is not what reaping takes.
    for number in range(190):
        killed(log, f"d{number}", 0.01)
    killed(log, "slow", 5.0)
    assert log.reaping_seconds() == pytest.approx(0.08, abs=1e-4)


def test_an_exit_before_the_kill_or_of_nobody_measures_nothing() -> None:
    log = KillLog()
    log.reaped("nobody", datetime.now(UTC))
    log.reaped("nobody", None)
    with log.record("c", cgroup="/x", all_processes=False, signal=9):
        pass
    log.reaped("c", datetime.fromtimestamp(log.of("c")[0].started_at - 1, UTC))
    assert log.reaping_seconds() is None


def test_kills_are_known_since_the_log_began_or_the_oldest_that_it_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = time.time()
    log = KillLog()
    assert began <= log.known_since(0.0) <= time.time()
    assert log.known_since(began + 60) == began + 60
    monkeypatch.setattr(kill_log, "MOST_KEPT", 3)
    short = KillLog()
    for number in range(4):
        killed(short, f"c{number}", 0.0)
    assert short.known_since(0.0) == short.of("c1")[0].started_at


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["/x", "/x/y", "/x/yy", "/z"]),
            st.floats(-2, 5),
            st.floats(0, 3),
        ),
        max_size=25,
    ),
    st.integers(3, 30),
    st.floats(-2, 40),
)
def test_what_is_asked_of_the_log_is_what_looking_through_all_of_it_finds(
    sent: list[tuple[str, str, float, float]], most: int, since: float
) -> None:
    """The host's clock may be set back in between: ``step`` may be negative."""
    clock = 0.0

    def now() -> float:
        return clock

    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kill_log, "MOST_KEPT", most)
        patch.setattr(kill_log.time, "time", now)
        log = KillLog()
        with log.record("a", cgroup="/x", all_processes=True, signal=9) as under_way:
            for container, cgroup, step, length in sent:
                clock += step
                with log.record(container, cgroup=cgroup, all_processes=True, signal=9) as kill:
                    clock += length
                kept.append(replace(kill, ended_at=clock))
            kept = [*kept[-most:], under_way]
            ordered = sorted(kept, key=lambda kill: kill.started_at)
            for asked in "abc":
                assert log.of(asked) == tuple(k for k in ordered if k.container_id == asked)
                assert log.of_neighbours(asked, cgroup="/x/y", since=since) == tuple(
                    k
                    for k in ordered
                    if k.container_id != asked
                    and k.cgroup in ("/x", "/x/y")
                    and (k.ended_at is None or k.ended_at >= since)
                )
