"""From what preceded failures to an intervention: on a recorded run, and on a real containerd."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iluvatar_bench.errors import NothingToBlame, UsageError
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.profiles.intervention import intervention_on
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.runs import open_run, run_cold_start
from iluvatar_bench.studies import mine, run_hypotheses
from tests.support.command import command

JULY, GUARDED = PRESETS["iluvatar-2022-07"], PRESETS["guarded"]
HIDDEN = Path("data/tables/mechanism-hidden")


def changed(kind: str, name: str, step: str = "ready", profile=JULY) -> dict[str, tuple] | None:
    """The factors in which the two sides differ, with their levels."""
    found = intervention_on(kind, name, profile, step=step)
    if found is None:
        return None
    sides = (found.suspect.factors, found.without.factors)
    return {f: (sides[0][f], sides[1][f]) for f in sides[0] if sides[0][f] != sides[1][f]}


def test_an_intervention_changes_one_factor_and_forces_an_order() -> None:
    assert changed("call", "kill") == {"kill": ("all", "init")}
    assert changed("call", "delete") == {"removal": ("worker_2022", "ordered")}
    assert changed("delay", "start") == {"start_delay_ms": (500, 0)}
    forced = {
        step: changed("collection", "collection", step)["collection"]
        for step in ("prepare", "task_create", "start", "ready", "alive")
    }
    assert forced == {
        "prepare": ("before_prepare", "quiet"),
        "task_create": ("before_mount", "quiet"),
        "start": ("before_start", "quiet"),
        "ready": ("during_startup", "quiet"),
        "alive": ("after_ready", "quiet"),
    }
    # A side that collects, and one that does not, cannot be neighbours.
    assert intervention_on("collection", "collection", JULY, step="ready").unit == "daemon"
    # Where the call is made rightly already the next factor is asked, and at the end none is.
    shared = resolve_profile("guarded", ["cgroup=shared"])
    assert changed("call", "kill", profile=shared) == {"cgroup": ("shared", "own")}
    assert changed("call", "kill", profile=GUARDED) is None
    assert changed("load", "alive") is None
    assert changed("event", "tasks/oom") is None


def test_the_best_hypotheses_of_the_hidden_run_can_be_tested() -> None:
    run = open_run(HIDDEN)
    words = {
        name: [change.words for _, change in mine(run, bug_class=name).hypotheses]
        for name in ("missing_packages", "snapshot_overlay", "silent_startup")
    }
    assert words["missing_packages"] == ["a collection forced during startup, against none"]
    assert words["snapshot_overlay"] == ["a collection forced before mount, against none"]
    assert words["silent_startup"][0] == "kill=all against kill=init"
    assert mine(run).bug_class == "silent_startup"
    assert mine(run).profile.factors == JULY.factors


async def test_what_is_not_shown_is_not_tested(tmp_path: Path) -> None:
    run = open_run(HIDDEN)
    too_few = mine(run, bug_class="process_died")
    assert too_few.shown == ()
    with pytest.raises(NothingToBlame, match="nothing was shown to precede process_died"):
        await run_hypotheses(too_few, seed=1, results=tmp_path)
    with pytest.raises(NothingToBlame, match="no oom_killed came in mechanism-hidden; what came"):
        mine(run, bug_class="oom_killed")
    with pytest.raises(NothingToBlame, match="nothing failed in guarded"):
        mine(open_run(Path("data/runs/guarded")))
    with pytest.raises(UsageError, match="does not say when its containers' steps began"):
        mine(open_run(Path("data/runs/observed")))
    with pytest.raises(UsageError, match="alpha must lie"):
        mine(run, alpha=1)
    with pytest.raises(UsageError, match="at least 1 hypothesis"):
        await run_hypotheses(mine(run), seed=1, results=tmp_path, most=0)
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_hypotheses_and_runs_nothing(tmp_path: Path) -> None:
    told = command("test-hypothesis", str(HIDDEN), "--mine-only", "--out", str(tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("* another container's kill began in the 200 ms before: before ")
    assert "can be tested: kill=all against kill=init" in told.stdout
    as_json = command("test-hypothesis", "iluvatar-2022-07", "--mine-only", "--json")
    document = json.loads(as_json.stdout)
    assert "--log-collections" in document["remarks"][0]
    assert document["tested"] == []
    refused = command("test-hypothesis", "guarded", "--out", str(tmp_path))
    assert refused.stderr == "error: nothing failed in guarded: there is nothing to explain\n"
    assert list(tmp_path.iterdir()) == []


def stripped(run: RunResult) -> RunResult:
    """The run without evidence and mechanisms: what somebody has who understands nothing."""
    return replace(run, trials=run.trials.assign(evidence="{}", mechanism=None))


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_hidden_mechanism_is_found_and_shown_by_intervention(tmp_path: Path) -> None:
    lived = await run_cold_start(
        JULY,
        trials=160,
        concurrency=6,
        seed=7,
        results=tmp_path,
        ready_seconds=60.0,
        log_collections=True,
    )
    run = stripped(lived)
    # A collection takes a snapshot before or after it is mounted; of 160 trials 7 to 45 were seen
    # to miss modules, and 10 to 32 their mount.
    came = run.trials["bug_class"].value_counts()
    taken = came[["missing_packages", "snapshot_overlay"]].idxmax()
    collected = await run_hypotheses(mine(run, bug_class=str(taken)), seed=1, results=tmp_path)
    assert collected[-1].preceded.predicate.kind == "collection"
    assert collected[-1].holds, collected[-1].sentence
    assert collected[-1].comparison.compared.candidate_count == 0
    killed = await run_hypotheses(mine(run, bug_class="silent_startup"), seed=1, results=tmp_path)
    assert killed[-1].intervention.words == "kill=all against kill=init"
    assert killed[-1].holds, killed[-1].sentence
    assert killed[-1].comparison.compared.candidate_count == 0
    document = json.loads((killed[-1].comparison.run.folder / "hypothesis.json").read_text())
    assert document["holds"] is True
