"""Results show themselves in a notebook: their numbers, and whatever they hold as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.records.run_result import RUN_MIME, RunResult
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.shipped import DATA
from iluvatar_bench.stats import compare_runs
from iluvatar_bench.studies import Blame, RootCause, mine, open_root_cause
from iluvatar_bench.studies.controlled_probes import Decision, Probe


@cache
def recorded(name: str) -> RunResult:
    return open_run(find_run(name))


@cache
def experiment() -> RootCause:
    return open_root_cause(find_run("root-cause"))


def rows(text: str) -> list[list[str]]:
    """Every row of every table; what is no whole HTML is refused."""
    page = ET.fromstring(f"<html>{text}</html>")
    return [["".join(cell.itertext()) for cell in row] for row in page.iterfind(".//tr")]


def test_a_run_shows_what_came_of_it() -> None:
    head, *body = rows(recorded("guarded")._repr_html_())
    assert head == ["outcome or bug class", "count/trials, rate [95 %]", "mechanisms"]
    assert body == [
        ["ok", "40/40  100.0 % [91–100]", ""],
        ["failed", "0/40  (< 7.2 %)", ""],
        ["unknown", "0/40  (< 7.2 %)", ""],
    ]
    shown = {row[0]: row[1:] for row in rows(recorded("iluvatar-2022-07")._repr_html_())[1:]}
    assert set(shown) == {
        *recorded("iluvatar-2022-07").trials["bug_class"].dropna(),
        "ok",
        "failed",
        "unknown",
    }
    assert sum(int(cells[0].split("/")[0]) for cells in shown.values()) == 40 + 36


def test_a_run_of_arrivals_says_what_became_of_them() -> None:
    text = open_run(find_run("churn-guarded"))._repr_html_()
    assert "churn under guarded: 56 trials, 120 arrivals" in text


def test_a_run_of_several_profiles_says_whose_each_rate_is() -> None:
    run = experiment().run
    head, *body = rows(run._repr_html_())
    assert head[0] == "profile"
    assert len({row[0] for row in body}) == 4


def test_only_a_live_run_tells_the_notebook_runner_of_its_folder() -> None:
    live = replace(recorded("guarded"), recorded=False)._repr_mimebundle_()
    assert live["text/html"] == recorded("guarded")._repr_html_()
    assert live[RUN_MIME] == {"folder": str(recorded("guarded").folder.resolve())}
    assert RUN_MIME not in recorded("guarded")._repr_mimebundle_()


def test_what_a_manifest_says_stays_text() -> None:
    run = recorded("guarded")
    profile = {**run.manifest["profile"], "name": "<script>alert(1)</script>"}
    hostile = replace(run, manifest={**run.manifest, "profile": profile})
    assert "<script>" not in hostile._repr_html_()
    assert "<script>" not in compare_runs(hostile, hostile)._repr_html_()


def test_a_comparison_shows_its_sentence_and_its_classes() -> None:
    compared = compare_runs(recorded("iluvatar-2022-07"), recorded("guarded"))
    text = compared._repr_html_()
    assert compared.sentence in text
    head, *body = rows(text)
    assert head[:3] == ["bug class", "iluvatar-2022-07", "guarded"]
    failed = next(row for row in body if row[0] == "failed")
    assert failed[1].startswith("36/40, ") and failed[2] == "0/40  (< 7.2 %)"


def test_an_experiment_shows_its_verdicts_and_cells() -> None:
    found = experiment()
    text = found._repr_html_()
    page = ET.fromstring(f"<html>{text}</html>")
    told = [item.text for item in page.iterfind(".//li")]
    assert [verdict.sentence for verdict in found.verdicts] == told[: len(found.verdicts)]
    assert "snapshot_reference, cgroup" in text
    (one,) = ET.fromstring(found.verdicts[0]._repr_html_()).iterfind(".//li")
    assert one.text == found.verdicts[0].sentence


def test_a_search_shows_its_probes() -> None:
    probes = tuple(
        Probe(changed=(name,), events=events, control_events=12, trials=40, decision=decision)
        for name, events, decision in (
            ("cgroup", 0, Decision.LOW),
            ("kill", 9, Decision.HIGH),
            ("removal", 5, Decision.GO_ON),
        )
    )
    blame = Blame(
        run=recorded("iluvatar-2022-07"),
        bug_class=BugClass.PROCESS_DIED,
        differing=("cgroup", "kill", "removal"),
        largest=1,
        minimal=(("cgroup",),),
        unsearched=0,
        control_events=12,
        control_trials=40,
        probes=probes,
        alpha=0.05,
        complete=True,
    )
    assert [(row[0], row[-1]) for row in rows(blame._repr_html_())[1:]] == [
        ("cgroup", "gone"),
        ("kill", "still there"),
        ("removal", "undecided"),
    ]


def test_what_preceded_failures_is_listed() -> None:
    mined = mine(open_run(DATA / "tables" / "mechanism-hidden"))
    page = ET.fromstring(mined._repr_html_())
    assert [item.text for item in page.iterfind(".//li")] == [one.sentence for one in mined.shown]
