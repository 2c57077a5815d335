"""``run churn`` and ``run trace`` as a user meets them."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from iluvatar_bench.monitor.witness import NOT_WANTED
from iluvatar_bench.runs import open_run
from tests.support.command import command

HEADER = "func_name,invoke_time_ms\n"


def refused(arguments: list[str], message: str, results: Path) -> None:
    done = command(*arguments, "--out", str(results))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not results.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arrivals", "0"], "arrivals must be between 1"),
        (["--rate", "-2"], "rate must be between"),
        (["--pattern", "tidal"], "no pattern of arrivals 'tidal'"),
        (["--budget", "100"], "counts for 128 MiB and never fits into a budget of 100 MiB"),
        (["--function", "hello:9999"], "counts for 9999 MiB"),
        (["--function", "nope:64"], "no function 'nope'"),
        (["--profile", "guardd"], "did you mean guarded?"),
        (["--set", "cgroup=mine"], "no level 'mine'"),
        (["--network-bridge", "ilbx"], "choose network=bridge, or leave"),
        (["--set", "network=bridge", "--network-subnet", "8.8.0.0/16"], "is not a private range"),
    ],
)
def test_wrong_churns_exit_2_with_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    refused(["run", "churn", *arguments], message, tmp_path / "r")


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", [], "trace.csv, line 1: neither an Ilúvatar trace"),
        (HEADER, [], "holds no invocation"),
        (HEADER + "hello,5\nhello,4\n", [], "line 3: 4 ms comes after 5 ms"),
        (HEADER + "hello,-1\n", [], "line 2: invoke_time_ms must be a whole number"),
        (HEADER + "hello,1\n", [], "nothing stands in for function 'hello' of the trace"),
        (HEADER + "f1,1\n", ["--map", "f2=hello"], "no function 'f2' in the trace"),
        (HEADER + "f1,1\n", ["--map", "f1"], "'f1' is not of the form name=function"),
        (HEADER + "f1,1\n", ["--map", "f1=nope"], "no function 'nope'"),
        (HEADER + "f1,1\n", ["--function", "hello", "--budget", "64"], "never fits into a budget"),
    ],
)
def test_wrong_traces_exit_2_with_one_line(
    text: str, arguments: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "trace.csv").write_text(text)
    refused(["run", "trace", str(tmp_path / "trace.csv"), *arguments], message, tmp_path / "r")


def test_files_that_cannot_be_read_exit_2_with_one_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    refused(["run", "trace", str(trace)], "No such file or directory", tmp_path / "r")
    trace.write_bytes(b"\xff\xfe\x00")
    refused(["run", "trace", str(trace)], "it is not UTF-8 text", tmp_path / "r")
    trace.write_text(HEADER + "f1,1\n")
    (tmp_path / "meta.csv").write_text("func_name,cold_dur_ms,warm_dur_ms,mem_mb\nf1,1,1,1,1\n")
    arguments = ["run", "trace", str(trace), "--metadata", str(tmp_path / "meta.csv")]
    refused(arguments, "meta.csv, line 2: 5 values for 4 columns", tmp_path / "r")


@pytest.mark.daemon
def test_a_trace_is_replayed_and_its_accounts_printed(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(HEADER + "f1,0\nf2,50\nf1,100\n")
    (tmp_path / "meta.csv").write_text(
        "func_name,cold_dur_ms,warm_dur_ms,mem_mb,image_name\nf1,400,10,100,x\nf2,400,10,100,x\n"
    )
    files = [str(tmp_path / "trace.csv"), "--metadata", str(tmp_path / "meta.csv")]
    done = command(
        *("run", "trace", *files, "--function", "hello", "--profile", "guarded"),
        *("--budget", "200", "--out", str(tmp_path / "r"), "--json", "--no-witness"),
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["arrivals"] == {"ok": 3, "failed": 0, "unknown": 0, "dropped": 0}
    assert printed["outcomes"]["ok"] == printed["trials"]
    assert (printed["profile"], printed["failures"]) == ("guarded", {})
    assert done.stderr == ""
    (folder,) = (tmp_path / "r").iterdir()
    assert folder.name.startswith("trace-guarded-")
    witness = json.loads((folder / "manifest.json").read_text())["witness"]
    assert (witness["sees"], witness["remark"]) == (False, NOT_WANTED)
    # The durations were not asked for: hello runs as it does.
    assert (folder / "burstiness.csv").exists()
    assert not (folder / "stand_ins.csv").exists()


@pytest.mark.daemon
@pytest.mark.slow
@pytest.mark.parametrize("option", ["--witness", "--no-witness"])
def test_what_is_proven_of_kills_rests_on_the_kernels_record(tmp_path: Path, option: str) -> None:
    """Neighbours kill each other; without the record that is nowhere said to be proven."""
    done = command(
        *("run", "cold-start", "--profile", "iluvatar-2022-07", "--trials", "40"),
        *("--concurrency", "4", "--out", str(tmp_path), "--json", option),
    )
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    run = open_run(folder)
    failed = run.trials[run.trials["outcome"] == "failed"]
    evidence = [json.loads(text) for text in failed["evidence"]]
    collateral = failed["mechanism"] == "collateral_kill"
    proven = {bool(one["proven"]) for one, kill in zip(evidence, collateral, strict=True) if kill}
    seen = option == "--witness"
    assert run.manifest["witness"]["sees"] is seen
    assert {one.get("signals") is not None for one in evidence} == {seen}
    assert proven == {True} if seen else proven <= {False}
    page = command("report", str(folder), "--out", str(tmp_path / "page.html"))
    assert page.returncode == 0, page.stderr
    text = html.unescape((tmp_path / "page.html").read_text())
    assert ("proven by the kernel's record" in text) is seen
    assert ("consistent with the times, not proven" in text) is not seen
