"""What is answered at once loads nothing heavy, and the benchmark of it adds up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from iluvatar_bench.benchmarks.start_times import ANSWERS
from tests.support.command import command

HEAVY = ("pandas", "numpy", "scipy", "pyarrow", "grpc", "matplotlib", "hyperscan", "papermill")

LOADED = """
import json, sys
from iluvatar_bench.commands.app import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        heavy = [name for name in json.loads(sys.stdin.readline()) if name in sys.modules]
        print("STATUS", json.dumps([words, end.code, heavy]))
"""


def test_help_and_wrong_requests_load_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(ANSWERS)],
        input=f"{json.dumps(HEAVY)}\n" * len(ANSWERS),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line[:7] == "STATUS "]
    answered = [json.loads(line) for line in lines]
    assert [tuple(words) for words, _, _ in answered] == list(ANSWERS)
    assert [heavy for _, _, heavy in answered] == [[]] * len(ANSWERS)
    for words, status, _ in answered:
        assert (status == 0) == ("--help" in words), words
    assert list(tmp_path.iterdir()) == []


BEFORE_THE_FIRST = """
import sys
import iluvatar_bench.commands.run, iluvatar_bench.report.progress_bars
import iluvatar_bench.runs.churn, iluvatar_bench.runs.cold_start
print([name for name in sys.argv[1:] if name in sys.modules])
"""


def test_what_a_run_loads_before_its_first_container_makes_no_tables() -> None:
    tables = ("pandas", "numpy", "scipy", "pyarrow", "matplotlib")
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_THE_FIRST, *tables],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.daemon
def test_the_stages_until_the_first_container_add_up() -> None:
    done = command("start-benchmark", "--repeats", "1", "--json")
    assert done.returncode == 0, done.stderr
    waits = json.loads(done.stdout)["waits"]
    assert [wait["what"] for wait in waits[: len(ANSWERS)]] == [" ".join(w) for w in ANSWERS]
    *stages, whole, command_itself = waits[len(ANSWERS) :]
    assert len(stages) == 5
    assert sum(stage["seconds"] for stage in stages) == pytest.approx(whole["seconds"], abs=0.01)
    assert all(stage["seconds"] > 0 for stage in stages)
    assert whole["seconds"] < command_itself["seconds"]
