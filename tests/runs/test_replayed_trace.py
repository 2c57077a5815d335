"""A trace replayed on real containers: how true to it that was stands in the run's folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.support.command import command

LONG, SHORT = range(0, 8000, 1600), range(400, 8000, 800)


@pytest.mark.daemon
@pytest.mark.slow
def test_what_stands_in_runs_as_long_and_holds_as_much_as_was_asked(tmp_path: Path) -> None:
    trace, metadata = tmp_path / "trace.csv", tmp_path / "metadata.csv"
    lines = sorted([(at, "long") for at in LONG] + [(at, "short") for at in SHORT])
    trace.write_text("func_name,invoke_time_ms\n" + "".join(f"{f},{at}\n" for at, f in lines))
    metadata.write_text(
        "func_name,cold_dur_ms,warm_dur_ms,mem_mb\nlong,2000,700,150\nshort,900,200,60\n"
    )
    done = command(
        *("run", "trace", str(trace), "--metadata", str(metadata), "--profile", "guarded"),
        # Started ahead, so that no request waits for a container or is joined by others meanwhile.
        *("--set", "byte_code=shipped", "--set", "server=http_server", "--set", "prewarm=1"),
        *("--out", str(tmp_path / "results"), "--no-witness"),
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results").iterdir()
    table = pd.read_csv(folder / "stand_ins.csv").set_index("function")
    for name, asked_ms, asked_mib in (("long", 700, 150), ("short", 200, 60)):
        one = table.loc[name]
        assert (one["asked_ms"], one["asked_mib"]) == (asked_ms, asked_mib)
        assert one["arrivals"] >= 1
        # It waits for the rest of its time, so that nothing but the way there is added.
        assert asked_ms <= one["took_ms"] < asked_ms + 250
        assert asked_mib <= one["resident_mib"] < asked_mib + 2
    assert "ran: median, 95 %" in done.stdout
    drawn = command("figure", str(folder), "burstiness", "--out", str(tmp_path / "a.svg"))
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert {"burstiness.csv", "burstiness.png", "burstiness.svg"} <= {
        path.name for path in folder.iterdir()
    }
