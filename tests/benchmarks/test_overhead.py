"""What an overhead measurement counts, and what it says of it; a real one is slow."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from iluvatar_bench.benchmarks import (
    Overhead,
    call_table,
    measure_overhead,
    rate_table,
    read_overhead,
    target_table,
)
from iluvatar_bench.benchmarks.call_clock import TimedCall, share_outside
from iluvatar_bench.benchmarks.client_overhead import CONCURRENCIES, CTR, OURS, RUNC, WATCHED
from iluvatar_bench.benchmarks.overhead_image import write_true_image
from iluvatar_bench.benchmarks.stress_tool import _registry
from iluvatar_bench.containerd.oci.image_import import read_layout
from iluvatar_bench.errors import UsageError
from iluvatar_bench.report import alt_text, plot_overhead
from iluvatar_bench.report.figures.captions import caption_of
from tests.support.command import command


def test_time_outside_of_calls_leaves_out_what_overlaps_and_what_the_container_takes() -> None:
    calls = [
        TimedCall("Snapshots.Prepare", "a", 1.0, 2.0),
        TimedCall("Containers.Create", "a", 1.5, 3.0),
        # Under way from before the start: only what follows the start's answer is the container's.
        TimedCall("Tasks.Wait", "a", 4.0, 7.0),
        TimedCall("Tasks.Start", "a", 5.0, 6.0),
        TimedCall("Tasks.Delete", "a", 8.0, 9.0),
    ]
    # Inside: 1 to 3, 5 to 7, 8 to 9.
    assert share_outside(calls, began=0.0, ended=10.0) == pytest.approx(0.5)
    assert share_outside([], began=0.0, ended=1.0) == 1.0


def measured(*, rounds: int = 4, ours: float = 30.0) -> Overhead:
    """Made up: our client at ``ours`` a second, the others at rates that stay the same."""
    rates = {OURS: ours, WATCHED: 0.9 * ours, CTR: 10.0, RUNC: 40.0}
    batches = [
        {
            "round": number,
            "client": client,
            "concurrency": concurrency,
            "lifecycles": 8,
            "seconds": 8 / rate,
            "rate": rate,
            "cpu_ms": 2.5 + number if client in (OURS, WATCHED) else None,
            "outside": 0.1 if client in (OURS, WATCHED) else None,
        }
        for number in range(rounds)
        for client, rate in rates.items()
        for concurrency in (CONCURRENCIES if client in (OURS, WATCHED) else (1,))
    ]
    calls = [
        {"round": 0, "client": OURS, "concurrency": 1, "call": "Tasks.Create", "ms": float(ms)}
        for ms in range(101)
    ]
    starts = [
        {"round": number, "place": place, "ms": ms}
        for number in range(rounds)
        for place, ms in (("container", 550.0), ("chroot", 500.0))
    ]
    warm = [
        {"round": number, "client": client, "ms": ms}
        for number in range(rounds)
        for client, ms in (("ours", 3.0), ("http.client", 1.5))
    ]
    return Overhead(
        batches=pd.DataFrame(batches),
        calls=pd.DataFrame(calls),
        starts=pd.DataFrame(starts),
        warm=pd.DataFrame(warm),
        manifest={"rounds": rounds},
    )


def test_each_target_says_whether_it_is_reached() -> None:
    table = target_table(measured()).set_index("quantity")
    told = {
        name: (round(row["estimate"], 3), row["reached"])
        for name, row in table.iterrows()
        if row["reached"] != "not measured"
    }
    assert told == {
        "rate beside ctr run --rm, one at a time": (3.0, "yes"),
        "rate beside runc alone, one at a time": (0.75, "yes"),
        "rate with monitor and witness beside that without": (0.9, ""),
        # 2.5 to 5.5 ms in the rounds.
        "processor time of the client, a lifecycle": (4.0, "open"),
        "share of the time outside of calls, one at a time": (0.1, "no"),
        "cold start beside the same process in a chroot": (1.1, "yes"),
        "warm invocation above a direct HTTP client": (1.5, "no"),
    }
    (missing,) = table.index[table["reached"] == "not measured"]
    assert "containerd-stress" in missing


def test_the_tables_of_rates_and_calls() -> None:
    rates = rate_table(measured()).set_index(["client", "concurrency"])
    assert rates.loc[(OURS, 4), ["rate", "cpu_ms"]].tolist() == [30.0, 4.0]
    assert set(rates.index.get_level_values("client")) == {OURS, WATCHED, CTR, RUNC}
    (call,) = call_table(measured()).to_dict(orient="records")
    assert (call["count"], call["p50_ms"], call["p99_ms"]) == (101, 50.0, 99.0)


def test_the_figure_has_each_client_and_each_call() -> None:
    one = measured()
    figure = plot_overhead(one.batches, one.calls)
    left, right = figure.axes
    assert left.get_legend_handles_labels()[1] == [OURS, WATCHED, CTR, RUNC]
    medians = {line.get_label(): list(line.get_ydata()) for line in left.get_lines()}
    assert medians[OURS] == [30.0] * len(CONCURRENCIES)
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["1", "2", "4", "8"]
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["Tasks.Create (n = 101)"]
    assert "Tasks.Create 50 and 99" in alt_text(figure)
    assert "n = 4" in caption_of(figure)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    first = measured()
    for name, table in first.tables.items():
        # In a round they come in an order of its own.
        table[::-1].to_csv(tmp_path / f"overhead-{name}.csv", index=False)
    with pytest.raises(UsageError, match="holds no overhead"):
        read_overhead(tmp_path)
    (tmp_path / "overhead-manifest.json").write_text(json.dumps(dict(first.manifest)))
    again = read_overhead(tmp_path)
    pd.testing.assert_frame_equal(target_table(first), target_table(again))
    assert list(again.batches["client"].unique()) == [OURS, WATCHED, CTR, RUNC]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"rounds": 0}, "rounds must be between 1 and 50, not 0"),
        ({"lifecycles": 7}, "lifecycles must be between 8 and 200, not 7"),
    ],
)
async def test_wrong_requests_start_nothing(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        await measure_overhead(**numbers)


def test_the_image_of_true_can_be_pulled_from_loopback(tmp_path: Path) -> None:
    write_true_image(tmp_path / "true", name="here/true:1")
    layout = read_layout(tmp_path / "true")
    (layer,) = layout.layers
    with tarfile.open(layout.blob(layer)) as archive:
        assert "bin/true" in archive.getnames()
        people = archive.extractfile("etc/passwd")
        assert people is not None
        assert b"games:" in people.read()
    with _registry(tmp_path / "true") as address:
        home = f"http://{address}/v2/here/true"
        with urlopen(f"{home}/manifests/1") as answer:
            assert answer.headers["Docker-Content-Digest"] == layout.stated.digest
            assert json.load(answer)["layers"][0]["digest"] == layer.digest
        with urlopen(Request(f"{home}/blobs/{layer.digest}", method="HEAD")) as answer:
            assert int(answer.headers["Content-Length"]) == layer.size
            assert answer.read() == b""
        for wrong in ("manifests/sha256:00", "blobs/..%2f..%2findex.json", "tags/list"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(f"{home}/{wrong}")


@pytest.mark.daemon
@pytest.mark.slow
def test_the_command_measures_every_client_in_every_round(tmp_path: Path) -> None:
    done = command(
        *("overhead", "--rounds", "2", "--lifecycles", "8", "--no-stress", "--json"),
        *("--out", str(tmp_path)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    again = read_overhead(Path(json.loads(done.stdout)["kept"]))
    counts = again.batches.groupby(["client", "concurrency"])["lifecycles"].sum().to_dict()
    own = {(client, at): 16 for client in (OURS, WATCHED) for at in CONCURRENCIES}
    assert counts == {**own, (CTR, 1): 16, (RUNC, 1): 16}
    of_ours = again.calls[(again.calls["client"] == OURS) & (again.calls["concurrency"] == 1)]
    assert of_ours["call"].value_counts()["Tasks.Create"] == 16
    assert (tmp_path / Path(json.loads(done.stdout)["kept"]).name / "overhead.svg").exists()
