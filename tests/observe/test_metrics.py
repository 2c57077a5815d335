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

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import UsageError
from iluvatar_bench.explain import explain_trial
from iluvatar_bench.observe.health import NodeHealth, Orphan
from iluvatar_bench.observe.metrics import MOST_CLIENTS, OTHERS, ObserverMetrics
from iluvatar_bench.observe.metrics_address import metrics_address
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs import open_run
from iluvatar_bench.worker_logs import logs_of_trials
from tests.audit.clients import RawWorker
from tests.observe.observing import observing
from tests.support.command import command
from tests.support.waiting import wait_for

TALKING = ("python3", "-uc", "print('up'); import time; time.sleep(600)")

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
    "gauge": ("",),
}


def value(text: str, name: str, **labels: str) -> float:
    """The value of one sample."""
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )
    return found


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
        (ready,) = watching.of_kind("ready")
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
        async with httpx.AsyncClient() as scraper:
            answer = await scraper.get(ready["metrics"], headers=OPEN_METRICS)
        await watching.end()
    assert ready["metrics"].startswith("http://127.0.0.1:")
    client_name = "iluvatar_worker"
    failure = {"client": client_name, "bug_class": "process_died", "mechanism": "foreign_kill"}
    counted = {
        "iluvatar_container_failures_total": (failure, 1),
        "iluvatar_containers_ended_total": ({"client": client_name, "outcome": "failed"}, 1),
        "iluvatar_snapshots_lost_total": ({"client": client_name}, 2),
        "iluvatar_container_start_seconds_count": ({"client": client_name}, 1),
    }
    for name, (labels, count) in counted.items():
        assert value(answer.text, name, **labels) == count, name
    series, _ = names(answer.text)
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
    assert [value(text, "iluvatar_latent_snapshots", client=name) for name in "ab"] == [0, 1]
    # A reader that has ended took its processor time along.
    assert value(text, "iluvatar_observer_cpu_seconds_total") == 5.0


def test_names_that_anybody_may_choose_do_not_make_series_without_end() -> None:
    metrics = ObserverMetrics()
    for number in range(MOST_CLIENTS + 20):
        metrics.trial(trial(f"client-{number}"))
    text = generate_latest(metrics.registry).decode()
    assert text.count("iluvatar_containers_ended_total{") == MOST_CLIENTS + 1
    assert value(text, "iluvatar_containers_ended_total", client=OTHERS, outcome="ok") == 20


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
