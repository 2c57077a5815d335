"""What else the host did: read here, computed by hand, told where it was much."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from iluvatar_bench.host.host_noise import Noise, noise_between, noise_of_run, read_noise
from iluvatar_bench.records.noise_caveat import noise_caveat
from tests.support.run_folders import make_run

THEN = Noise(
    at=100.0,
    load=0.2,
    stolen=5.0,
    total=1000.0,
    busy=300.0,
    stalled={"cpu": 2.0, "io": 1.0},
    mhz=None,
    celsius=None,
    containerds=2,
)
LATER = dataclasses.replace(
    THEN, at=110.0, stolen=6.0, total=1020.0, busy=315.0, stalled={"cpu": 6.0, "memory": 9.0}
)


def test_this_host_is_read() -> None:
    before, after = read_noise(), read_noise()
    assert before.load is not None and before.load >= 0
    assert after.at >= before.at
    assert after.total is not None and before.total is not None and after.total >= before.total
    assert before.busy is not None and 0 < before.busy <= before.total
    assert set(before.stalled) <= {"cpu", "io", "memory"}
    assert before.containerds is not None and before.containerds >= 0
    assert set(noise_of_run(before, after)) == {"before", "after", "between"}


def test_shares_are_of_the_time_that_passed() -> None:
    # Of 20 processor seconds 1 was stolen and 15 busy; of 10 s a task waited 4 for a processor.
    assert noise_between(THEN, LATER) == {"stolen": 0.05, "busy": 0.75, "stalled_cpu": 0.4}
    # What was read of one side only, or in no time, is no share.
    assert noise_between(THEN, THEN) == {}
    unknown = dataclasses.replace(LATER, stolen=None, total=None, stalled={})
    assert noise_between(THEN, unknown) == {}


@pytest.mark.parametrize(
    ("load", "stolen", "words"),
    [
        (0.2, 0.0, ""),
        (0.9, 0.01, ""),
        (1.0, 0.0, "a load of 1.0 on 2 processors before it began, 2 other containerd(s) running"),
        (0.2, 0.05, "5 % of the time stolen by the hypervisor, 2 other containerd(s) running"),
    ],
)
def test_a_busy_host_is_a_remark_on_its_run(
    load: float, stolen: float, words: str, tmp_path: Path
) -> None:
    noise = {"before": {"load": load, "containerds": 2}, "between": {"stolen": stolen}}
    run = make_run(tmp_path / "run", {"host": {"cpus": 2}}, ok=3)
    run.manifest["noise"] = noise
    told = noise_caveat(run.manifest)
    assert told == (f"the host was busy with other things: {words}" if words else "")
    assert run.remarks == ((told,) if told else ())
    assert noise_caveat({}) == ""
