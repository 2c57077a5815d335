"""Metrics as a Prometheus scrapes them, and what is shipped for it: rules and a dashboard."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain import explain_trial
from iluvatar_bench.observe.health import NodeHealth, Orphan
from iluvatar_bench.observe.metrics import ObserverMetrics
from iluvatar_bench.observe.metrics_address import metrics_address
from iluvatar_bench.observe.settings import MOST_CLIENTS, OTHERS
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs import open_run
from iluvatar_bench.worker_logs import logs_of_trials
from tests.audit.clients import RawWorker
from tests.observe.observing import observing, values
from tests.support.command import command
from tests.support.waiting import wait_for
from tests.support.witnesses import needs_witness

TALKING = ("python3", "-uc", "print('up'); import time; time.sleep(600)")

_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
    "gauge": ("",),
}


def names(text: str) -> tuple[set[str], set[str]]:
    """The names of all series that may come, and of their labels."""
    families = list(text_string_to_metric_families(text))
    series = {f"{f.name}{suffix}" for f in families for suffix in _SUFFIXES[f.type]}
    labels = {label for f in families for sample in f.samples for label in sample.labels}
    return series, labels


@cache
def expressions() -> list[str]:
    """Every expression of the rules and of the dashboard that are printed."""
    printed = {what: command("observe", what) for what in ("--alerts", "--dashboard")}
    assert [done.returncode for done in printed.values()] == [0, 0]
    groups = yaml.safe_load(printed["--alerts"].stdout)["groups"]
    board = json.loads(printed["--dashboard"].stdout)
    return [
        *(rule["expr"] for group in groups for rule in group["rules"]),
        *(target["expr"] for panel in board["panels"] for target in panel["targets"]),
        *(v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"),
    ]


@pytest.mark.daemon
@needs_witness
async def test_a_failure_as_a_scrape_its_log_and_its_story_tell_it(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    """One container is killed by a stranger, its worker's log says so; another loses its snapshot.

    Every name that the rules and the dashboard ask for is one of the scrape.
    """
    log = tmp_path / "worker.log"
    log.touch()
    client = quiet_node.client
    worker = RawWorker(node=quiet_node, image=image, own_cgroup=True, args=TALKING)
    options = ("--metrics", "0", "--logs", str(log))
    async with observing(quiet_node.address, tmp_path / "observed", *options) as watching:
        await worker.create("hello-0")
        await worker.create("hello-1")
        for name in ("hello-0", "hello-1"):
            # It has loaded all that it needs.
            said = (quiet_node.scratch / f"{name}.out").read_text
            await asyncio.to_thread(wait_for, said, seconds=20)
        await client.leases.force_collection()
        await watching.wait_for("latent", 2)
        os.kill((await client.tasks.get("hello-0")).pid, signal.SIGKILL)
        now = datetime.now(UTC).isoformat()
        with log.open("a") as file:
            file.write(f'time="{now}" level=error msg="container \\"hello-0\\" died: killed"\n')
        await client.tasks.wait_exit("hello-0")
        await client.tasks.delete("hello-0")
        await client.containers.delete("hello-0")
        await watching.wait_for("trial")
        await watching.wait_for("log")
        scraped = await watching.scrape()
        await watching.end()
    assert watching.of_kind("ready")[0]["metrics"].startswith("http://127.0.0.1:")
    name = "iluvatar_worker"
    counted = {
        "iluvatar_container_failures_total": {("process_died", name, "foreign_kill"): 1},
        "iluvatar_containers_ended_total": {(name, "failed"): 1},
        "iluvatar_snapshots_lost_total": {(name,): 2},
        "iluvatar_container_start_seconds_count": {(name,): 1},
        "iluvatar_observer_connected": {(): 1},
        "iluvatar_observer_witness": {(): 1},
        "iluvatar_observer_gaps_total": {(): 0},
    }
    assert {series: values(scraped, series) for series in counted} == counted
    series, _ = names(scraped)
    asked = {name for text in expressions() for name in re.findall(r"\biluvatar_\w+", text)}
    assert asked - series == set()
    assert len(asked) >= 15
    run = open_run(tmp_path / "observed")
    joined = logs_of_trials(run.trials, run.seen["logs"])
    assert list(joined["trial"]) == list(run.trials["trial"])
    story = str(explain_trial(run, 0))
    assert "worker log" in story
    assert "died: killed" in story
    assert "this client" not in story
    assert run.seen["collections"]["directories"].sum() == 2
    assert set(run.seen["leases"]["change"]) <= {"found", "created", "deleted"}
    assert (run.seen["health"]["rss_bytes"] > 10_000_000).all()


def test_every_label_that_is_asked_for_is_one_that_is_served() -> None:
    metrics = ObserverMetrics()
    metrics.look(health(latent={"a": 1}, orphans={("a", Orphan.ENDED): 1}))
    metrics.trial(trial("a", bug_class="process_died", mechanism="oom"))
    _, labels = names(generate_latest(metrics.registry).decode())
    groups = [text for e in expressions() for text in re.findall(r"(?:by|on) \(([^)]*)\)", e)]
    asked = {label for text in groups for label in text.split(", ")}
    # The node's name is Prometheus's own.
    assert asked - labels == {"instance"}
    assert {"client", "bug_class", "mechanism", "kind", "outcome", "le"} <= asked


def test_what_is_found_no_more_is_shown_as_none() -> None:
    metrics = ObserverMetrics()
    metrics.look(health(latent={"a": 2}, cpu_seconds=5.0))
    metrics.look(health(latent={"b": 1}, cpu_seconds=3.0))
    text = generate_latest(metrics.registry).decode()
    assert values(text, "iluvatar_latent_snapshots") == {("a",): 0, ("b",): 1}
    # A reader that has ended took its processor time along.
    assert values(text, "iluvatar_observer_cpu_seconds_total") == {(): 5.0}


def test_each_series_is_of_what_it_is_called() -> None:
    """Every number is another one, so that no two can be mistaken for each other."""
    metrics = ObserverMetrics()
    metrics.look(
        health(
            at=2.0,
            containers=3,
            running=5,
            snapshots_left=7,
            leases=11,
            leases_expired=13,
            collections=17,
            gaps=19,
            signals_lost=23,
            not_followed=29,
            dropped_segments=31,
            rss_bytes=37,
            cpu_seconds=41.0,
            connected=False,
            witness_sees=True,
            writable=False,
            latent={"a": 43},
            orphans={("a", Orphan.ENDED): 47, ("a", Orphan.NEVER_STARTED): 53},
        )
    )
    text = generate_latest(metrics.registry).decode()
    shown = {
        "observer_look_timestamp_seconds": {(): 2},
        "containers": {(): 3},
        "containers_running": {(): 5},
        "snapshots_left": {(): 7},
        "leases": {(): 11},
        "leases_expired": {(): 13},
        "collections_total": {(): 17},
        "observer_gaps_total": {(): 19},
        "observer_signals_lost_total": {(): 23},
        "observer_not_followed_total": {(): 29},
        "observer_dropped_segments_total": {(): 31},
        "observer_resident_bytes": {(): 37},
        "observer_cpu_seconds_total": {(): 41},
        "observer_connected": {(): 0},
        "observer_witness": {(): 1},
        "observer_writable": {(): 0},
        "latent_snapshots": {("a",): 43},
        "orphans": {("a", "ended"): 47, ("a", "never_started"): 53},
    }
    assert {series: values(text, f"iluvatar_{series}") for series in shown} == shown


def test_times_are_counted_in_seconds_in_the_bucket_that_they_belong_to() -> None:
    metrics = ObserverMetrics()
    for _ in range(3):
        # 120 ms until it started, a second of life, 50 ms until it was removed.
        metrics.trial(trial("a"))
    text = generate_latest(metrics.registry).decode()
    for series, total, below, within in (
        ("start", 0.36, "0.1", "0.25"),
        ("life", 3.0, None, "1.0"),
        ("removal", 0.15, None, "0.05"),
    ):
        name = f"iluvatar_container_{series}_seconds"
        assert values(text, f"{name}_sum") == {("a",): pytest.approx(total)}
        buckets = values(text, f"{name}_bucket")
        assert buckets["a", within] == 3
        assert below is None or buckets["a", below] == 0


def test_failures_are_counted_by_class_mechanism_and_client() -> None:
    metrics = ObserverMetrics()
    for client, bug_class, mechanism, count in (
        ("a", "process_died", "oom", 2),
        ("a", "process_died", "foreign_kill", 3),
        ("b", "process_died", "oom", 5),
        ("b", "missing_packages", None, 7),
    ):
        for _ in range(count):
            metrics.trial(trial(client, bug_class=bug_class, mechanism=mechanism))
    metrics.trial(trial("b"))
    text = generate_latest(metrics.registry).decode()
    assert values(text, "iluvatar_container_failures_total") == {
        ("process_died", "a", "oom"): 2,
        ("process_died", "a", "foreign_kill"): 3,
        ("process_died", "b", "oom"): 5,
        ("missing_packages", "b", "unknown"): 7,
    }
    assert values(text, "iluvatar_containers_ended_total") == {
        ("a", "failed"): 5,
        ("b", "failed"): 12,
        ("b", "ok"): 1,
    }


def test_names_that_anybody_may_choose_do_not_make_series_without_end() -> None:
    metrics = ObserverMetrics()
    for number in range(MOST_CLIENTS + 20):
        metrics.trial(trial(f"client-{number}"))
    text = generate_latest(metrics.registry).decode()
    assert text.count("iluvatar_containers_ended_total{") == MOST_CLIENTS + 1
    assert values(text, "iluvatar_containers_ended_total")[OTHERS, "ok"] == 20


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("9469", "127.0.0.1:9469", True),
        (":9469", "127.0.0.1:9469", True),
        ("0.0.0.0:9469", "0.0.0.0:9469", False),
        ("[::1]:9469", "[::1]:9469", True),
        ("node-1.example:80", "node-1.example:80", False),
    ],
)
def test_an_address_is_loopbacks_unless_it_is_told(text: str, address: str, loopback: bool) -> None:
    found = metrics_address(text)
    assert (str(found), found.is_loopback) == (address, loopback)


@pytest.mark.parametrize("text", ["", "a", "localhost:", "1:2:3", "127.0.0.1:65536", "host:-1"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        metrics_address(text)


def test_a_port_that_is_taken_is_said_so() -> None:
    metrics = ObserverMetrics()
    with (
        metrics.served(metrics_address("0")) as address,
        pytest.raises(UsageError, match=f"cannot serve metrics on {address}"),
        ObserverMetrics().served(address),
    ):
        pass


def health(**changes: Any) -> NodeHealth:
    """A look at a node where nothing is."""
    counts = dict.fromkeys(("gaps", "containers", "running", "snapshots_left", "leases"), 0)
    more = dict.fromkeys(("leases_expired", "signals_lost", "not_followed", "dropped_segments"), 0)
    fields: dict[str, Any] = {
        **counts,
        **more,
        **dict.fromkeys(("connected", "witness_sees", "writable"), True),
        **{"at": 0.0, "latent": {}, "orphans": {}, "collections": None, "rss_bytes": 0},
        "cpu_seconds": 0.0,
    }
    return NodeHealth(**{**fields, **changes})


def trial(client: str, *, bug_class: str | None = None, mechanism: str | None = None) -> Trial:
    """The trial of one observed container."""
    return Trial(
        run_id="r",
        trial=0,
        container_id="ns/c",
        profile="observed",
        factors={"client": client, "namespace": "ns"},
        function="",
        submitted_at="1970-01-01T00:00:00+00:00",
        outcome=Outcome.FAILED if bug_class else Outcome.OK,
        bug_class=bug_class,
        mechanism=mechanism,
        steps={"alive_ms": 1000.0, "delete_ms": 50.0},
        evidence={"observed": {"started_ms": 120.0}},
    )
