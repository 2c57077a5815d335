"""`ab` on a real containerd: blocks that do not overlap, sides that are apart, and a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.stats import Verdict
from iluvatar_bench.studies import AbQuestion, AbResult, open_ab, run_ab
from tests.support.command import command
from tests.support.quick_profiles import quick

JULY, GUARDED = PRESETS["iluvatar-2022-07"], PRESETS["guarded"]


async def small_ab(home: Path, *pair, **question) -> AbResult:
    asked = AbQuestion(**{"rounds": 2, "repeats": 2, "concurrency": 4, **question})
    return await run_ab(*pair, seed=3, results=home, question=asked, hold_ms=(100, 400))


def assert_blocks_do_not_overlap(found: AbResult) -> None:
    blocks = {row["index"]: row["block"] for row in found.run.manifest["plan"]["trials"]}
    trials = found.run.trials.assign(block=found.run.trials["trial"].map(blocks))
    began = pd.to_datetime(trials["submitted_at"])
    ended = began + pd.to_timedelta(trials["total_ms"], unit="ms")
    spans = pd.DataFrame({"began": began, "ended": ended}).groupby(trials["block"])
    later = spans["began"].min().shift(-1).dropna()
    assert (later.to_numpy() > spans["ended"].max()[:-1].to_numpy()).all()


@pytest.mark.daemon
async def test_a_profile_against_itself_has_two_sides_that_are_apart(tmp_path: Path) -> None:
    july = quick("iluvatar-2022-07")
    found = await small_ab(tmp_path, july, july)
    assert found.names == (f"{july.name} (A)", f"{july.name} (B)")
    assert found.run.trials["profile"].value_counts().to_dict() == dict.fromkeys(found.names, 4)
    assert (found.compared.blocks, found.compared.repeats) == (2, 2)
    # Two blocks can show nothing, whatever they hold.
    assert found.compared.verdict is Verdict.NO_DIFFERENCE_SHOWN
    assert "they are too few" in found.power
    assert_blocks_do_not_overlap(found)
    failed = found.run.trials[found.run.trials["outcome"] == "failed"]
    cgroups = failed["evidence"].map(lambda text: json.loads(text).get("cgroup")).dropna()
    # A Kill of one side reaches nobody of the other.
    sides = failed.loc[cgroups.index, "profile"].map({found.names[0]: "a", found.names[1]: "b"})
    assert (cgroups.str.split("/").str[-2] == sides).all()
    again = open_ab(found.run.folder)
    assert again.sentence == found.sentence
    json.dumps(again.as_json())
    assert {"before", "after", "between"} == set(found.run.manifest["noise"])
    judged = command("compare", str(found.run.folder))
    assert (judged.returncode, judged.stderr) == (0, "")
    assert f"verdict: {found.sentence}" in judged.stdout


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_fix_is_shown_and_it_stops_when_it_is_sure(tmp_path: Path) -> None:
    found = await small_ab(
        tmp_path, JULY, GUARDED, rounds=40, repeats=4, concurrency=8, stop_when_sure=True
    )
    assert found.compared.verdict is Verdict.BETTER
    assert 6 <= found.compared.blocks < 20
    assert found.compared.candidate_count == 0
    assert "removal" in found.limits
    assert found.run.caveat == ""


@pytest.mark.daemon
@pytest.mark.slow
async def test_each_side_of_a_block_may_have_a_daemon_of_its_own(tmp_path: Path) -> None:
    quiet = resolve_profile("iluvatar-2022-07", ["collection=quiet", "cgroup=own"])
    natural = resolve_profile("iluvatar-2022-07", ["cgroup=own"])
    # Only so can two collectors be compared: on one daemon it is refused.
    with pytest.raises(UsageError, match="one containerd has one collector"):
        await small_ab(tmp_path, natural, quiet)
    found = await small_ab(tmp_path, natural, quiet, unit="daemon", repeats=4)
    trials = found.run.trials
    assert trials["profile"].value_counts().to_dict() == dict.fromkeys(found.names, 8)
    assert (trials[trials["profile"] == found.names[1]]["outcome"] == "ok").all()
    assert_blocks_do_not_overlap(found)
    logs = sorted(path.name for path in found.run.folder.glob("containerd*.log"))
    assert logs == [f"containerd-{number:04d}.log" for number in (1, 2, 3, 4)]
    assert len(found.rounds) == 4
    assert found.limits == ""
    assert found.run.remarks == () or "resumed" not in " ".join(found.run.remarks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["guarded", "nope"], "no profile 'nope'"),
        (["guarded", "guarded", "--rounds", "0"], "rounds must be between 1 and 1000, not 0"),
        (["guarded", "guarded", "--repeats", "0"], "repeats must be at least 1"),
        (["guarded", "guarded", "--unit", "trial"], "no unit 'trial'; there are: block, daemon"),
        (["guarded", "guarded", "--alpha", "5"], "alpha must lie between 0 and 1, not 5"),
        (["guarded", "guarded", "--bug-class", "x"], "no bug class 'x'"),
        (["guarded", "guarded", "--fail-unless-better", "10"], "lies in 0 to 1, not 10"),
        (["guarded", "guarded", "--unit", "daemon", "--address", "/x"], "starts its own"),
        (["guarded", "guarded", "--set-candidate", "collection=quiet"], "one containerd has one"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = command("ab", *arguments, "--out", str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_run_is_no_comparison() -> None:
    with pytest.raises(UsageError, match="holds no comparison in blocks"):
        open_ab(Path("data/runs/guarded"))
