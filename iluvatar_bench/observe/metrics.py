"""What an observation tells a Prometheus, as OpenMetrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

from iluvatar_bench.errors import UsageError
from iluvatar_bench.observe.health import NodeHealth
from iluvatar_bench.observe.latent import LatentDamage
from iluvatar_bench.observe.metrics_address import MetricsAddress
from iluvatar_bench.observe.settings import MOST_CLIENTS, OTHERS
from iluvatar_bench.records import Trial

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LIVES = (1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)


class ObserverMetrics:
    """The series of one observation, in a registry of their own.

    The library's locks let another thread read them while they change.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._clients: set[str] = set()
        self._shown: dict[Gauge, set[tuple[str, ...]]] = {}
        self._ended = self._counter(
            "containers_ended", "containers that were removed", "client", "outcome"
        )
        self._failures = self._counter(
            "container_failures", "failures", "client", "bug_class", "mechanism"
        )
        self._lost = self._counter(
            "snapshots_lost", "snapshots that went under a running container", "client"
        )
        self._start = self._histogram(
            "container_start_seconds", "first event to the start of the process", _SECONDS
        )
        self._life = self._histogram("container_life_seconds", "start to end", _LIVES)
        self._removal = self._histogram(
            "container_removal_seconds", "end of the process to the removal of the record", _SECONDS
        )
        self._latent = self._gauge(
            "latent_snapshots", "containers that run without their snapshot", "client"
        )
        self._orphans = self._gauge(
            "orphans", "containers that nobody has come for in a minute", "client", "kind"
        )
        self._now = {name: self._gauge(name, text) for name, text in _GAUGES.items()}
        self._since = {name: self._counter(name, text) for name, text in _COUNTERS.items()}
        self._told = dict.fromkeys(_COUNTERS, 0.0)
        self._info = Info("iluvatar_observer", "the observation", registry=self.registry)

    def begin(self, **facts: str) -> None:
        """What is observed."""
        self._info.info(facts)

    def trial(self, trial: Trial) -> None:
        """A container has ended and was removed."""
        client = self._client(str(trial.factors["client"]))
        self._ended.labels(client, str(trial.outcome)).inc()
        if trial.bug_class is not None:
            self._failures.labels(client, trial.bug_class, trial.mechanism or "unknown").inc()
        started = (trial.evidence.get("observed") or {}).get("started_ms")
        for series, duration in (
            (self._start, started),
            (self._life, trial.steps.get("alive_ms")),
            (self._removal, trial.steps.get("delete_ms")),
        ):
            if duration is not None:
                series.labels(client).observe(duration / 1000)

    def latent(self, damage: LatentDamage) -> None:
        """A snapshot has gone under a running container."""
        self._lost.labels(self._client(damage.client)).inc()

    def look(self, health: NodeHealth) -> None:
        """How the node and the observer are."""
        self._show(self._latent, (((name,), n) for name, n in health.latent.items()))
        orphans = health.orphans.items()
        self._show(self._orphans, (((name, str(kind)), n) for (name, kind), n in orphans))
        for name, gauge in self._now.items():
            gauge.set(float(getattr(health, _FIELDS.get(name, name))))
        for name, counter in self._since.items():
            now = float(getattr(health, _FIELDS.get(name, name)) or 0)
            # A child that has ended takes its processor time along: no counter goes back.
            counter.inc(max(0.0, now - self._told[name]))
            self._told[name] = max(now, self._told[name])

    @contextmanager
    def served(self, address: MetricsAddress) -> Iterator[MetricsAddress]:
        """Serve them for the length of the block; gives the address with the port that was taken.

        Raises:
            UsageError: it cannot be bound.
        """
        try:
            server, thread = start_http_server(
                address.port, addr=address.host, registry=self.registry
            )
        except (OSError, OverflowError) as error:
            raise UsageError(f"cannot serve metrics on {address}: {error}") from error
        try:
            yield MetricsAddress(address.host, server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _show(self, gauge: Gauge, found: Iterable[tuple[tuple[str, ...], int]]) -> None:
        """Set the series of a gauge; those that are not found now are 0 from here on."""
        counts = dict.fromkeys(self._shown.setdefault(gauge, set()), 0)
        for (client, *kind), count in found:
            labels = (self._client(client), *kind)
            counts[labels] = counts.get(labels, 0) + count
        for labels, count in counts.items():
            gauge.labels(*labels).set(count)
        self._shown[gauge] = set(counts)

    def _client(self, name: str) -> str:
        if name not in self._clients and len(self._clients) >= MOST_CLIENTS:
            return OTHERS
        self._clients.add(name)
        return name

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"iluvatar_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"iluvatar_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            f"iluvatar_{name}", text, ("client",), buckets=buckets, registry=self.registry
        )


_GAUGES = {
    "containers": "containers that are followed",
    "containers_running": "those of them that run",
    "snapshots_left": "snapshots on the disk whose container is gone",
    "leases": "leases that are there",
    "leases_expired": "those of them that hold nothing any more",
    "observer_connected": "1 while containerd's events come",
    "observer_witness": "1 while the kernel tells who sends signals",
    "observer_writable": "1 while what is seen can be written down",
    "observer_resident_bytes": "memory of the observer with its reader",
    "observer_look_timestamp_seconds": "when it looked last",
}

_COUNTERS = {
    "collections": "collections that removed a snapshot's directory; 0 where they cannot be seen",
    "observer_gaps": "times in which events may have been missed",
    "observer_signals_lost": "signals that the kernel's record has lost",
    "observer_not_followed": "containers that were too many to be followed",
    "observer_dropped_segments": "parts of journals that had to go",
    "observer_cpu_seconds": "processor time of the observer with its reader",
}

_FIELDS = {
    "containers_running": "running",
    "observer_connected": "connected",
    "observer_witness": "witness_sees",
    "observer_writable": "writable",
    "observer_resident_bytes": "rss_bytes",
    "observer_look_timestamp_seconds": "at",
    "observer_gaps": "gaps",
    "observer_signals_lost": "signals_lost",
    "observer_not_followed": "not_followed",
    "observer_dropped_segments": "dropped_segments",
    "observer_cpu_seconds": "cpu_seconds",
}
"""Where a series is called otherwise than the field of ``NodeHealth``."""
