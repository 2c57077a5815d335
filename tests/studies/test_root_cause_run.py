"""The root-cause experiment and blame on a real containerd, and at the command line."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from pathlib import Path

import pytest

from iluvatar_bench.errors import NothingToBlame, UsageError
from iluvatar_bench.profiles import design, resolve_profile
from iluvatar_bench.studies import open_root_cause, run_blame, run_root_cause
from iluvatar_bench.studies.cell_allocation import Precision
from tests.runs.test_cold_start_run import wait_for
from tests.support.command import PROGRAM, command
from tests.support.quick_profiles import quick

JULY = resolve_profile("iluvatar-2022-07", ["server=http_server"])


@pytest.mark.daemon
async def test_a_small_factorial_keeps_its_cells_apart(tmp_path: Path) -> None:
    # What a collector does by itself is chance: of four such trials none may be lost.
    forced = JULY.model_copy(update={"collection": "during_startup"})
    found = await run_root_cause(
        design(forced),
        seed=2,
        results=tmp_path,
        concurrency=4,
        precision=Precision(half_width=0.4, min_trials=4, max_trials=4),
        hold_ms=(200, 600),
    )
    trials = found.run.trials
    assert trials["profile"].value_counts().to_dict() == dict.fromkeys(
        (cell.name for cell in found.design.cells), 4
    )
    assert (trials.groupby(["block", "profile"]).size() == 2).all()
    by_mechanism = dict(iter(trials.groupby("mechanism")))
    killed = by_mechanism.get("collateral_kill")
    assert set(by_mechanism["snapshot_collected"]["snapshot_reference"]) == {"none"}
    if killed is not None:
        assert set(killed["cgroup"]) == {"shared"}
        # Each cell's shared cgroup is its own: a Kill of one cell reaches nobody in another.
        paths = killed["evidence"].map(lambda text: json.loads(text)["cgroup"])
        assert (paths.groupby(killed["profile"]).nunique() == 1).all()
        assert paths.nunique() == killed["profile"].nunique()
    assert set(trials[trials["snapshot_reference"] == "none"]["outcome"]) == {"failed"}
    right = trials[(trials["snapshot_reference"] == "lease") & (trials["cgroup"] == "own")]
    assert set(right["outcome"]) == {"ok"}
    again = open_root_cause(found.run.folder)
    assert [f.sentence for f in again.verdicts] == [f.sentence for f in found.verdicts]
    assert (found.run.folder / "effects.csv").exists()
    json.dumps(found.as_json())


@pytest.mark.daemon
@pytest.mark.slow
async def test_the_default_experiment_names_the_causes(tmp_path: Path) -> None:
    found = await run_root_cause(design(JULY), seed=1, results=tmp_path)
    causes = {f.bug_class: f.causes for f in found.verdicts}
    for name, factor in (
        ("snapshot_overlay", "snapshot_reference"),
        ("missing_packages", "snapshot_reference"),
        ("process_died", "cgroup"),
        ("silent_startup", "cgroup"),
    ):
        (cause,) = causes[name]
        assert cause.factor == factor
        assert cause.p_holm < 0.01


SIX = resolve_profile("guarded", ["open_files=2048", "memory_limit_mib=512", "server=http_server"])
"""The guarded profile on the same server; two more factors differ that matter to no class."""


@pytest.mark.daemon
@pytest.mark.slow
async def test_blame_finds_the_reference_among_six_factors(tmp_path: Path) -> None:
    found = await run_blame(JULY, SIX, bug_class="missing_packages", seed=1, results=tmp_path)
    assert len(found.differing) == 6
    assert found.minimal == (("snapshot_reference",),)
    assert found.complete
    # Singles and those pairs that do not hold it; and what is larger was not searched.
    assert {frozenset(p.changed) for p in found.probes[1:]} >= {
        frozenset(pair)
        for pair in itertools.combinations(set(found.differing) - {"snapshot_reference"}, 2)
    }
    assert found.unsearched == 2**6 - 2 - 21


@pytest.mark.daemon
@pytest.mark.slow
async def test_blame_finds_the_cgroup_and_the_kill_that_needs_it(tmp_path: Path) -> None:
    """Either ends it: no other process in the cgroup, or no signal to the others."""
    found = await run_blame(JULY, SIX, bug_class="process_died", seed=1, results=tmp_path)
    assert set(found.minimal) == {("cgroup",), ("kill",)}
    assert found.complete


@pytest.mark.daemon
async def test_a_class_that_does_not_come_cannot_be_blamed(tmp_path: Path) -> None:
    quiet = quick("guarded", ["collection=quiet"])
    other = quick("guarded", ["collection=quiet", "open_files=2048"])
    with pytest.raises(NothingToBlame, match=r"came 0 times in 6 trials under guarded\+.*coll"):
        await run_blame(
            quiet,
            other,
            bug_class="missing_packages",
            seed=1,
            results=tmp_path,
            pilot_trials=6,
            concurrency=3,
        )


@pytest.mark.daemon
def test_ctrl_c_gives_verdicts_with_a_caveat(tmp_path: Path) -> None:
    server = ("--set", "server=http_server", "--set", "byte_code=shipped")
    process = subprocess.Popen(
        [*PROGRAM, "root-cause", "--concurrency", "4", *server, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        journal = wait_for(lambda: next(tmp_path.glob("*/journal.jsonl"), None))
        wait_for(lambda: journal.read_text().count("\n") >= 2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, errors
    assert "planned trials: the verdicts rest on what there is" in output, errors
    assert "snapshot_overlay" in output
    assert open_root_cause(journal.parent).run.manifest["status"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["root-cause", "--factors", "nope"], "no factor 'nope'"),
        (["root-cause", "--factors", "cgroup=own,mine"], "factor cgroup has no level 'mine'"),
        (["root-cause", "--factors", "open_files"], "open_files takes a number"),
        (["root-cause", "--alpha", "2"], "alpha must lie between 0 and 1, not 2"),
        (["root-cause", "--half-width", "0.9"], "half_width must lie between"),
        (["root-cause", "--concurrency", "0"], "concurrency must be between"),
        (["blame", "guarded", "guarded"], "do not differ in any factor"),
        (
            ["blame", "iluvatar-2022-07", "guarded", "--largest", "0"],
            "has at least 1 factor, not 0",
        ),
        (["blame", "iluvatar-2022-07", "guarded", "--alpha", "0"], "alpha must lie between"),
        (["blame", "iluvatar-2022-07", "guarded", "--bug-class", "x"], "no bug class 'x'"),
        (["dose", "weight", "1"], "no quantity 'weight'"),
        (["dose", "pause_threshold", "0.7"], "pause_threshold must lie above 0 and up to 0.5"),
        (["dose", "start_delay_ms", "1.5"], "takes whole numbers, not 1.5"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = command(*arguments, "--out", str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_run_is_no_experiment() -> None:
    with pytest.raises(UsageError, match="holds no root-cause experiment"):
        open_root_cause(Path("data/runs/guarded"))
