"""``compare`` as a gate in continuous integration meets it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.support.command import command
from tests.support.run_folders import make_run


def test_recorded_runs_are_described_by_name() -> None:
    done = command("compare", "iluvatar-2022-07", "guarded")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "bug class"
    assert "p (Holm)" not in lines[0]
    assert lines[-1] == (
        "verdict: iluvatar-2022-07 36/40 not ok, guarded 0/40 not ok: described, not judged "
        "(single runs at two times are not randomised; iluvatar-bench ab judges, "
        "and 4 runs a side that alternate are judged)"
    )
    # A pipe: one line a class, no colour, no box.
    assert [line.split()[0] for line in lines[-3:-1]] == ["failed", "unknown"]
    assert re.search(r"36/40, \d+ events  90.0 % ", lines[-3])
    assert "\x1b" not in done.stdout


def replicated(home: Path, name: str, failures: list[int], first: int) -> str:
    names = []
    for number, count in enumerate(failures):
        started = {"started_at": f"2026-11-28T{first + 2 * number:02d}:00:00+00:00"}
        folder = home / f"{name}{number}"
        make_run(folder, started, ok=40 - count, process_died=count)
        names.append(str(folder))
    return ",".join(names)


def test_the_gate_exits_3_only_when_it_is_worse(tmp_path: Path) -> None:
    good = replicated(tmp_path, "good", [0, 1, 0, 2], 1)
    bad = replicated(tmp_path, "bad", [20, 9, 12, 30], 2)
    assert command("compare", good, bad).returncode == 0
    worse = command("compare", good, bad, "--fail-if-worse")
    assert worse.returncode == 3
    assert "is worse than baseline guarded (4 against 4 runs, exact p = 0.029)" in worse.stdout
    assert command("compare", bad, good, "--fail-if-worse").returncode == 0


def test_the_gate_refuses_what_cannot_be_judged(tmp_path: Path) -> None:
    one, other = (str(make_run(tmp_path / name, ok=40).folder) for name in ("one", "other"))
    done = command("compare", one, other, "--fail-if-worse")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--fail-if-worse has nothing to go by: single runs at two times" in done.stderr
    same = command("compare", one, one)
    assert "note: both sides are the same run" in same.stdout


def test_scripts_get_json_and_csv(tmp_path: Path) -> None:
    csv = tmp_path / "table.csv"
    asked = ("compare", "guarded", "iluvatar-2022-07", "--csv", str(csv))
    done = command(*asked, "--json", "--all")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert (document["verdict"], document["alpha"]) == ("described", 0.05)
    rows = {row["bug_class"]: row for row in document["classes"]}
    assert rows["failed"]["difference"] == 0.9
    assert rows["failed"]["candidate_events"] < rows["failed"]["candidate_count"]
    assert rows["oom_killed"]["p_holm"] is None
    every = pd.DataFrame(document["classes"])[["bug_class", "candidate_count"]]
    pd.testing.assert_frame_equal(pd.read_csv(csv)[["bug_class", "candidate_count"]], every)
    # As printed: what came, the four classes of 2022, and the outcomes.
    printed = command(*asked, env={**os.environ, "ILUVATAR_BENCH_PROGRAM": "./bench"}).stdout
    written = pd.read_csv(csv)["bug_class"]
    lines = printed.splitlines()[1 : len(written) + 1]
    assert list(written) == [line.split()[0] for line in lines]
    assert {"silent_startup", "failed"} < set(written)
    assert len(written) < len(every) / 2
    assert "; ./bench ab judges, " in printed


def test_all_classes_of_nothing_that_is_written_are_a_mistake() -> None:
    done = command("compare", "guarded", "iluvatar-2022-07", "--all")
    assert (done.returncode, done.stdout) == (2, "")
    assert "name the file with --csv" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope", "guarded"], "no run 'nope': there is no such folder, and the recorded runs are"),
        (["{tmp}/empty", "guarded"], "has no manifest.json"),
        (["{tmp}", "guarded"], "the runs in it are: cut, four, text"),
        (["{tmp}/text", "guarded"], "cannot be read"),
        (["{tmp}/cut", "guarded"], "cannot be read"),
        (["{tmp}/four", "guarded"], "cannot be compared: cpus differs: 4 and 2"),
        (["guarded", "guarded", "--alpha", "5"], "alpha must lie between 0 and 1"),
        (["guarded"], "holds no comparison in blocks"),
        ([",", "guarded"], "a side has 1 to 10 runs, not 0"),
        ([",", ","], "a side has 1 to 10 runs, not 0"),
    ],
)
def test_bad_input_exits_2_with_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "manifest.json").write_text("no JSON")
    make_run(tmp_path / "four", {"host": {"cpus": 4}}, ok=3)
    cut = make_run(tmp_path / "cut", ok=3).folder / "trials.parquet"
    cut.write_bytes(cut.read_bytes()[:100])
    done = command("compare", *(text.format(tmp=tmp_path) for text in arguments))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_force_compares_and_says_what_does_not_match(tmp_path: Path) -> None:
    make_run(tmp_path / "four", {"host": {"cpus": 4}}, ok=3)
    done = command("compare", str(tmp_path / "four"), "guarded", "--force")
    assert done.returncode == 0
    assert "note: cpus differs: 4 and 2" in done.stdout


def observed(folder: Path, days: list[int]) -> str:
    """An observation of so many days: of each how many of its 40 containers died."""
    counts = {"ok": 40 * len(days) - sum(days), "process_died": sum(days)}
    run = make_run(folder, {"plan": {"kind": "observed"}}, **counts)
    ends = [outcome for day in days for outcome in ["process_died"] * day + [None] * (40 - day)]
    trials = run.trials.assign(
        bug_class=ends,
        outcome=["ok" if end is None else "failed" for end in ends],
        mechanism=[None if end is None else "oom" for end in ends],
        client=["iluvatar_worker" if number % 2 else "docker" for number in range(len(ends))],
        submitted_at=pd.Timestamp("2026-11-01", tz="UTC")
        + pd.to_timedelta([number // 40 for number in range(len(ends))], unit="D"),
    )
    trials.to_parquet(folder / "trials.parquet", index=False)
    return str(folder)


def test_observations_are_compared_by_days(tmp_path: Path) -> None:
    before = observed(tmp_path / "before", [8, 10, 9, 11, 8, 9])
    after = observed(tmp_path / "after", [0, 1, 0, 0, 2, 0])
    one_bad_day = observed(tmp_path / "one", [0, 0, 0, 0, 0, 38])
    better = command("compare", before, after, "--client", "iluvatar_worker")
    assert better.stdout.splitlines()[-1].endswith("after is better than before")
    assert "by days (6 beside 6)" in better.stdout
    # As many failures as over many days would be a proof.
    assert command("compare", after, one_bad_day, "--fail-if-worse").returncode == 0
    by_hours = command("compare", before, after, "--blocks", "week")
    assert (by_hours.returncode, by_hours.stderr) == (2, "error: --blocks week: day or hour\n")
    nobody = command("compare", before, after, "--client", "podman")
    assert "its clients: docker, iluvatar_worker" in nobody.stderr
    assert "is no observation" in command("compare", "guarded", "guarded", "--blocks", "day").stderr
