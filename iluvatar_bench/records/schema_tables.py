"""Every table by its name: those of ``records.schema``, of observations, checks and doses. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from iluvatar_bench.records.schema import (
    ARRIVALS,
    CLASS,
    COLLECTIONS,
    CONTAINER,
    DEATHS,
    EVENTS,
    FAILURE_RATES,
    INTEGER,
    INVOCATIONS,
    JSON,
    NUMBER,
    POOL,
    RUN_ID,
    SAMPLES,
    TRIALS,
    YES_NO,
    Column,
    TableSchema,
    count,
    moment,
    ms,
    size,
    words,
)


def _yes_no(meaning: str) -> Column:
    return Column(YES_NO, meaning)


_ALARMS = TableSchema(
    "damage that nobody had noticed: a container that runs without its snapshot",
    {
        "at": moment("when it was seen"),
        "latent": words("the mechanism: snapshot_collected"),
        "container": words("the container's id"),
        "client": words("whose it is"),
        "snapshot": words("the key of the snapshot that is gone"),
        "upper_directory": words("the directory that was looked for"),
    },
)

_LEASES = TableSchema(
    "one change of a lease between two looks, 15 s apart",
    {
        "at": moment("when the change was seen"),
        "change": words("found (at the first look), created, deleted or expired"),
        "namespace": words("containerd's namespace"),
        "lease": words("its id"),
        "created_at": moment("when it was made"),
        "expires_at": moment("when it ends by itself; empty: never"),
    },
)

_HEALTH = TableSchema(
    "one look at the node and the observer, a row a minute",
    {
        "at": moment("when"),
        "connected": _yes_no("whether containerd's events are followed"),
        "witness_sees": _yes_no("whether the kernel's record of signals is read"),
        "writable": _yes_no("whether the folder takes what is written"),
        "gaps": count("times in which nothing was seen, since the session's beginning"),
        "containers": count("containers there are"),
        "running": count("of them with a process"),
        "latent": count("of those, without their snapshot"),
        "ended": count("containers whose process ended and whom nobody came for in a minute"),
        "never_started": count("records without a task, whom nobody came for in a minute"),
        "snapshots_left": count("snapshots on the disk whose container is gone"),
        "leases": count("leases there are"),
        "leases_expired": count("of them those that hold nothing any more"),
        "collections": count("that removed a snapshot, since the session's beginning"),
        "signals_lost": count("signals that the kernel's record lost, likewise"),
        "not_followed": count("containers that were too many to be followed, likewise"),
        "dropped_segments": count("old segments of journals that were given up, likewise"),
        "rss_bytes": size("resident memory of the observer and its reader"),
        "cpu_seconds": Column(NUMBER, "their processor time since the session's beginning", "s"),
    },
)

_COUNTERS = TableSchema(
    "what one container's cgroup has used since it was made; empty: this host does not count it",
    {
        "run_id": RUN_ID,
        "sampled_at": moment("when it was read"),
        "container_id": CONTAINER,
        "cpu_ms": ms("processor time"),
        "throttled_ms": ms("time in which its limit held it up"),
        "throttled_periods": Column(NUMBER, "periods in which that was so"),
        "memory_bytes": Column(NUMBER, "memory now, page cache included", "bytes"),
        "memory_peak_bytes": Column(NUMBER, "the most so far", "bytes"),
        "limit_hits": Column(NUMBER, "how often the memory limit was in the way"),
        "oom_kills": Column(NUMBER, "processes that the kernel ended for want of memory"),
        "pids": Column(NUMBER, "processes and threads now"),
        "cpu_pressure_ms": ms("time in which some process waited for a processor"),
        "memory_pressure_ms": ms("time in which some process waited for memory"),
        "io_pressure_ms": ms("time in which some process waited for a disk"),
        "io_read_bytes": Column(NUMBER, "read from disks", "bytes"),
        "io_written_bytes": Column(NUMBER, "written to disks", "bytes"),
    },
)

_LOGS = TableSchema(
    "one failure that a worker's own log told of",
    {
        "run_id": RUN_ID,
        "seen_at": moment("when it was read"),
        "told_at": moment("the log's own time; empty where it has none"),
        "container_id": words("the container that it names; empty: it is joined to none"),
        "transaction_id": words("the request that it names"),
        "bug_class": CLASS,
        "certainty": words("certain, likely or possible"),
        "text": words("its words"),
        "file": words("the log"),
        "line": count("the line in it"),
    },
)

_POSITIONS = TableSchema(
    "one run of a client under `check` with one fault at one position",
    {
        "position": count("before which of the client's calls, from 1; one more: after the last"),
        "call": words("that call, with the name of what it is about"),
        "fault": words("what was done there"),
        "outcome": words("safe, failed, lost, hung, wrong, leaked, or not met"),
        "unsafe": _yes_no("whether that speaks against the client"),
        "run": count("which of the repetitions, from 1"),
        "container_id": CONTAINER,
        "label": words("this run's name in the column run of calls"),
        "exit_status": count("the client's; empty where it did not end"),
        "seconds": Column(NUMBER, "how long the client ran", "s"),
        "noticed": _yes_no("whether the client ended with another status than 0"),
        "what": words("what was lost, what was left, what was said"),
        "bug_class": words("what it can become"),
        "rule": words("the rule that is broken"),
        "remedy": words("the change that mends it"),
    },
)

_CALLS = TableSchema(
    "one call of a client to containerd, as `proxy` or `check` saw it",
    {
        "number": count("its place in the order in which requests came, from 1"),
        "method": words("service and method in full"),
        "started_ns": Column("integer", "its first byte, by the host's monotonic clock", "ns"),
        "ended_ns": Column("integer", "its status, likewise; empty: it never ended", "ns"),
        "namespace": words("the metadata's containerd-namespace"),
        "lease": words("the metadata's containerd-lease"),
        "peer_pid": count("the client's process, as the kernel names it"),
        "peer_command": words("its command"),
        "status": words("gRPC's, by name; empty where there was none"),
        "message": words("the status's message"),
        "request": Column(JSON, "what is known of the request: ids, keys, labels, mounts"),
        "answer": Column(JSON, "likewise of the answer"),
        "request_messages": count("messages of the request"),
        "request_bytes": size("their size"),
        "answer_messages": count("messages of the answer"),
        "answer_bytes": size("their size"),
        "run": words("of a check: which of its runs"),
    },
)

_BESIDE = TableSchema(
    "one attempt of another client at work while a run's containers lived (`run --beside`)",
    {
        "kind": words("import, pull, transfer, unpack, commit or prune"),
        "attempt": count("of its kind, from 0"),
        "began_at": moment("when it began"),
        "duration_ms": ms("how long it took"),
        "outcome": words("ok, failed or unknown"),
        "bug_class": CLASS,
        "mechanism": words("what its error says of the cause"),
        "leases_deleted": count("of a prune: others' leases that it deleted"),
        "error": words("what it failed with"),
    },
)

_DOSES = TableSchema(
    "one dose of a quantity: a run of cold starts (`dose-QUANTITY.csv`)",
    {
        "run_id": RUN_ID,
        "quantity": words("what is dosed"),
        "unit": words("its unit"),
        "dose": Column(NUMBER, "its value", "see unit"),
        "trials": count("containers"),
        "collected": count("of them those whose snapshot was proven to be collected"),
        "failed": count("that failed because of it"),
        "import_errors": count("of those, by a missing module"),
        "other_failures": count("that did not end well for another reason"),
        "create_ms": ms("the model's windows, as medians: Tasks.Create"),
        "delay_ms": ms("the delay before Tasks.Start"),
        "startup_ms": ms("from Tasks.Start until ready"),
        "collections": count("that containerd logged during the run"),
        "interval_ms": ms("mean time between them; infinite for none"),
        "pause_ms": ms("median pause of one"),
        "first_ms": ms("from Prepare to the end of the first collection after it, median"),
    },
)

_CELLS = TableSchema(
    "one cell of a sweep that ended (`cells.csv`): a run, or why there is none",
    {
        "cell": words("its id, a hash of what it asks"),
        "profile": words("the profile's name"),
        "snapshotter": words("the snapshotter"),
        "concurrency": count("containers at a time"),
        "function": words("the function, or the image"),
        "seed": count("the seed of its plan; the cells of one seed are a block"),
        "end": words("finished, failed, or unfit: no host could run it"),
        "host": words("the address of the host that ran it"),
        "hostname": words("what that host calls itself"),
        "run": words("the run's folder on that host"),
        "error": words("why there is no finished run"),
        "lost": count("workers that were lost with it before"),
        "seconds": Column(NUMBER, "how long it took on its worker", "s"),
        "trials": count("containers"),
        "ok": count("of them those that ended well"),
        "failed": count("that failed"),
        "unknown": count("whose end is not known"),
        "classes": Column(JSON, "the failed containers of each bug class"),
    },
)

_INDEX = "index of dispersion of the arrivals (variance of their counts in windows over the mean)"
_BURSTINESS = TableSchema(
    "one length of windows, in which a replay of a trace is compared with the trace",
    {
        "trace_window_ms": ms("the windows' length, in the trace's time"),
        "replay_window_ms": ms("the same, in that of the replay"),
        "windows": count("so many were counted"),
        "trace": Column(NUMBER, f"{_INDEX}, of the trace"),
        "expected": Column(NUMBER, "of so many of the trace's arrivals as were replayed"),
        "replay": Column(NUMBER, "of the replay, as its arrivals were submitted"),
    },
)

_STAND_INS = TableSchema(
    "one function of a trace that another one stood in for",
    {
        "function": words("its name"),
        "arrivals": count("that were served warm"),
        "asked_ms": ms("how long it is to run"),
        "took_ms": ms("how long its warm requests took: the median"),
        "took_95_ms": ms("the same: the 95th percentile"),
        "containers": count("that served, and whose memory was read after that"),
        "asked_mib": Column(INTEGER, "how much memory it is to hold", "MiB"),
        "resident_mib": Column(
            NUMBER, "the most that was read of each container: the median over them", "MiB"
        ),
    },
)

TABLES: Mapping[str, TableSchema] = {
    "trials": TRIALS,
    "failure_rates": FAILURE_RATES,
    "events": EVENTS,
    "deaths": DEATHS,
    "samples": SAMPLES,
    "invocations": INVOCATIONS,
    "collections": COLLECTIONS,
    "beside": _BESIDE,
    "arrivals": ARRIVALS,
    "pool": POOL,
    "alarms": _ALARMS,
    "leases": _LEASES,
    "health": _HEALTH,
    "counters": _COUNTERS,
    "logs": _LOGS,
    "positions": _POSITIONS,
    "calls": _CALLS,
    "dose": _DOSES,
    "cells": _CELLS,
    "burstiness": _BURSTINESS,
    "stand_ins": _STAND_INS,
}
"""In the order in which a reader comes upon them."""
