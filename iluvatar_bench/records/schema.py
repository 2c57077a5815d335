"""What each column of the tables in a run's folder holds: type, unit, meaning. Pure.

The page ``docs/schema.md`` is written from these, and a test holds them against the recorded runs.
The factors of ``trials`` are described where they are declared, by ``profiles.Profile``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEXT, INTEGER, NUMBER, YES_NO, TIME, JSON = "text", "integer", "number", "yes/no", "time", "JSON"
"""Types as a reader knows them. Time: UTC. JSON: a document, stored as text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``unit`` is empty where it has none."""

    type: str
    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: what a row is, and its columns in the order of the file."""

    row: str
    columns: Mapping[str, Column]


def ms(meaning: str) -> Column:
    """A duration."""
    return Column(NUMBER, meaning, "ms")


def size(meaning: str) -> Column:
    """A size."""
    return Column(INTEGER, meaning, "bytes")


def words(meaning: str) -> Column:
    """A word, a name, a sentence."""
    return Column(TEXT, meaning)


def count(meaning: str) -> Column:
    """A whole number."""
    return Column(INTEGER, meaning)


def moment(meaning: str) -> Column:
    """A point in time."""
    return Column(TIME, meaning, "UTC")


RUN_ID = words("the run's id, in every table")
CONTAINER = words("the container's id")
CLASS = words("the bug class, of what failed only")

FACTORS = "(factors)"
"""Stands in ``trials`` for the columns of the profile's factors, one each, in their order."""

TRIALS = TableSchema(
    "one container's life",
    {
        "run_id": RUN_ID,
        "trial": count("its number in the run, from 0"),
        "container_id": CONTAINER,
        "profile": words("the profile's name; of an observation, the client"),
        FACTORS: words("a column for each factor of the profile: its level"),
        "client": words("of an observation: whose container it is"),
        "namespace": words("of an observation: containerd's namespace"),
        "function": words("the function, or the image"),
        "submitted_at": moment("when its first call was made; of an observation, its first event"),
        "outcome": words("ok, failed or unknown; unknown is never counted as ok"),
        "bug_class": CLASS,
        "unknown_class": words("why the outcome is not known; since schema 3"),
        "mechanism": words("the cause that was attributed, of what failed only"),
        "failed_step": words("the lifecycle step in which it failed"),
        "error": words("the error as it was seen"),
        "exit_status": count("of its first process; 128 + the number of a signal that ended it"),
        "create_ms": ms("Containers.Create, the record"),
        "prepare_ms": ms("Snapshots.Prepare"),
        "task_create_ms": ms("Tasks.Create, the mount included"),
        "start_ms": ms("Tasks.Start"),
        "ready_ms": ms("from the answer of Tasks.Start until the function is ready"),
        "first_invoke_ms": ms("the first request"),
        "alive_ms": ms("from ready to the first Kill or the death"),
        "kill_ms": ms("Tasks.Kill, the call"),
        "delete_ms": ms("the wait for the exit, and Tasks.Delete"),
        "total_ms": ms("from submit to removed"),
        "cleanup_errors": words("what went wrong in the removal"),
        "spans": Column(
            JSON, "what this client did and when, in ms since submit; failed steps too"
        ),
        "evidence": Column(JSON, "what was looked at as it failed, and the rules that judged"),
    },
)

EVENTS = TableSchema(
    "one event that containerd published",
    {
        "run_id": RUN_ID,
        "timestamp": moment("containerd's own time of the event"),
        "topic": words("its topic, as in /tasks/exit"),
        "container_id": CONTAINER,
        "pid": count("the process, where the event names one"),
        "exit_status": count("of an exit"),
        "snapshot_key": words("of an event about a snapshot"),
    },
)

DEATHS = TableSchema(
    "the end of one container's first process, however many ways told it",
    {
        "run_id": RUN_ID,
        "container_id": CONTAINER,
        "pid": count("the process"),
        "first_way": words("who told it first: pidfd, wait, event, list or poll"),
        "first_seen_at": moment("when that was"),
        "pidfd_at": moment("when the kernel told it, by a descriptor of the process"),
        "wait_at": moment("when Tasks.Wait answered"),
        "event_at": moment("when the event TaskExit came"),
        "list_at": moment("when Tasks.List showed it, after the event stream had been broken"),
        "poll_at": moment("when the memory poller found nothing to read"),
        "exit_status": count("128 + the number of a signal that ended it"),
        "exited_at": moment("containerd's own time, that of the reaping by the shim"),
        "killed_at": moment("of the measurement of detection: when it was killed from outside"),
    },
)

SAMPLES = TableSchema(
    "one container in one round of the poller; without a container: memory of all, and the host. "
    "What a container has used beyond processor time and memory is read in every fourth round and "
    "is empty where it was not read and may have changed",
    {
        "run_id": RUN_ID,
        "round": count("the round, from 0"),
        "sampled_at": moment("when it was read"),
        "container_id": CONTAINER,
        "rss_bytes": size("resident memory; empty for a container that is gone"),
        "diff_bytes": size("change since the round before"),
        "cpu_ms": ms("processor time of its cgroup since that was made, as all that follow"),
        "throttled_ms": ms("time in which its limit of processor time held it up"),
        "throttled_periods": count("periods in which that was so"),
        "memory_bytes": size("memory of the cgroup now, page cache included"),
        "memory_peak_bytes": size("the most so far"),
        "limit_hits": count("how often the memory limit was in the way"),
        "oom_kills": count("processes that the kernel ended for want of memory"),
        "pids": count("processes and threads now"),
        "cpu_pressure_ms": ms("time in which some process waited for a processor (version 2)"),
        "memory_pressure_ms": ms("likewise for memory"),
        "io_pressure_ms": ms("likewise for a disk"),
        "io_read_bytes": size("read from disks"),
        "io_written_bytes": size("written to disks"),
        "received_bytes": size("over its network, without loopback; empty in the host's network"),
        "sent_bytes": size("likewise"),
        "host_used_bytes": size("of the host"),
        "host_available_bytes": size("of the host"),
        "host_load": Column(NUMBER, "mean number of tasks that run or wait, of a minute"),
        "host_steal_ms": ms("time that the hypervisor gave to others, all processors, since boot"),
        "host_cpu_pressure_ms": ms("time since boot in which some task waited for a processor"),
        "host_memory_pressure_ms": ms("likewise for memory"),
        "host_io_pressure_ms": ms("likewise for a disk"),
    },
)

INVOCATIONS = TableSchema(
    "one request to a container",
    {
        "run_id": RUN_ID,
        "trial": count("the trial that it went to"),
        "container_id": CONTAINER,
        "attachment": words("the container's attachment to its network"),
        "operation": words("ping (GET /) or invoke (POST /invoke)"),
        "first": Column(YES_NO, "whether it was the first invoke of this container"),
        "sent_at": moment("when the connection was begun"),
        "duration_ms": ms("from there to the end of the answer, or to the failure"),
        "status": count("of HTTP; empty where no complete answer came"),
        "response_bytes": size("of the answer's body; empty where no complete answer came"),
        "cause": words("why it failed: refused, unreachable, timeout, reset, protocol, http_error"),
        "error": words("in words"),
    },
)

FAILURE_RATES = TableSchema(
    "one bug class, reason or outcome of a profile; each is there, also where none was seen",
    {
        "profile": words("the profile, of an observation the client"),
        "kind": words("what the next column names: bug_class, unknown_class or outcome"),
        "bug_class": words("its name; the row failed is the sum of the classes"),
        "count": count("so many trials"),
        "trials": count("of so many: all of the profile"),
        "rate": Column(NUMBER, "count / trials", "share of 1"),
        "low": Column(NUMBER, "lower end of its 95 % Wilson interval", "share of 1"),
        "high": Column(NUMBER, "upper end", "share of 1"),
        "upper_bound_if_zero": Column(
            NUMBER, "one-sided 95 % bound where none was seen, else empty", "share of 1"
        ),
        "mechanisms": words("causes among the row's failures, as in snapshot_collected 8/9"),
    },
)

ARRIVALS = TableSchema(
    "one request of a churn or a trace",
    {
        "run_id": RUN_ID,
        "arrival": count("its number in the plan, from 0"),
        "function": words("the function that it is for"),
        "planned_at_ms": ms("when it was to come, from the workload's start; closed loop: empty"),
        "submitted_at": moment("when it came"),
        "submitted_at_ms": ms("the same, from the workload's start"),
        "lateness_ms": ms("how long after its planned time it came"),
        "queue_ms": ms("how long it waited for a container"),
        "start": words("cold (a new container) or warm (one that was idle)"),
        "trial": count("the container that served it, as a trial"),
        "container_id": CONTAINER,
        "outcome": words("ok, failed, unknown, or dropped: no container ever had it"),
        "bug_class": words("of the container that should have served it"),
        "invoke_ms": ms("the request to the container alone; empty without a good answer"),
        "latency_ms": ms("from its planned time (closed loop: from submission) to the answer"),
        "attempts": count("how many containers were given it; runs of before: empty"),
        "first_failure": words("class of the first that failed it, also where another served it"),
        "mechanism": words("why the last one failed: the trial's, or stale_health"),
    },
)

POOL = TableSchema(
    "one event of the keep-alive pool, with the counts after it",
    {
        "at_ms": ms("from the workload's start"),
        "event": words(
            "arrive, launch, serve, release, evict, expire, dead (found dead while idle), gone, "
            "drop, close, prewarm (started ahead of any request), ready (may take more at a time), "
            "retry (one that failed goes to another container), unhealthy (removed in the round "
            "after it failed), or resume (the pool is empty again, as the run was cut off)"
        ),
        "container": count("the container, as a trial"),
        "busy": count("containers that serve"),
        "idle": count("containers that wait for requests"),
        "leaving": count("containers under removal"),
        "waiting": count("requests without a container"),
        "resident_mib": Column(INTEGER, "memory that the pool has given out", "MiB"),
    },
)

COLLECTIONS = TableSchema(
    "one collection; of a run from containerd's log, of an observation by what went from the disk",
    {
        "at": moment("of an observation: when the first directory was seen to go"),
        "ended_at": moment("when it was over"),
        "pause_ms": ms("of a run: how long containerd was paused for it"),
        "removed_snapshots": count("of a run: how many snapshots went; of before: empty"),
        "removed_contents": count("of a run: how many blobs went; of before: empty"),
        "names": Column(JSON, "of a run: the names of the snapshots that went"),
        "snapshotter": words("of an observation: whose directories went"),
        "directories": count("of an observation: how many"),
    },
)
