"""Any evidence, contradictory and incomplete, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from iluvatar_bench.bugs import (
    CgroupAction,
    CgroupFact,
    DaemonFact,
    EventFact,
    Evidence,
    FileKind,
    FileVerdict,
    KillFact,
    MissingFact,
    SenderKind,
    SignalFact,
    SnapshotFact,
    Target,
    VictimFact,
)

maybe_bool = st.none() | st.booleans()
times = st.floats(allow_nan=False) | st.floats(99.0, 101.0)
maybe_time = st.none() | times
statuses = st.none() | st.integers(0, 255) | st.sampled_from([0, 1, 3, 137, 143])

errors = st.text(max_size=30) | st.sampled_from(
    [
        "ttrpc: closed",
        "unexpected EOF",
        "cannot start a stopped process",
        "container's cgroup is not empty: 2 process(es) found",
        "write /sys/fs/cgroup/freezer/x/cgroup.procs: no such device",
        "open /sys/fs/cgroup/x/memory.max: no such file or directory",
        "BPF_PROG_DETACH (BPF_CGROUP_DEVICE): can't detach program: no such file or directory",
        'unable to start unit "x.scope": Unit x.scope was already loaded or has a fragment file.',
        "mkdir /x: no space left on device",
        "container's cgroup unexpectedly frozen",
        "c did not answer an invocation (http_error): HTTP 500: ModuleNotFoundError: "
        "No module named 'csv'",
    ]
)

kill_facts = st.builds(
    KillFact,
    container_id=st.text(max_size=3),
    cgroup=st.just("/shared"),
    all_processes=st.booleans(),
    signal=st.sampled_from([0, 9, 15]) | st.integers(0, 64),
    started_at=times,
    ended_at=maybe_time,
    pid=st.none() | st.integers(1, 3),
    target=st.sampled_from(Target),
)
limits = st.none() | st.sampled_from([0, 1 << 20, 1 << 21])
change_facts = st.builds(
    CgroupFact,
    container_id=st.text(max_size=3),
    cgroup=st.just("/shared"),
    action=st.sampled_from(CgroupAction),
    at=times,
    memory_limit_bytes=limits,
)
missing_facts = st.builds(
    MissingFact,
    kind=st.sampled_from(FileKind),
    name=st.text(max_size=3),
    verdict=st.sampled_from(FileVerdict),
    in_image=maybe_bool,
    path_in_image=st.none() | st.text(max_size=3),
    visible_now=maybe_bool,
    visible_later=maybe_bool,
)
daemon_facts = st.none() | st.builds(
    DaemonFact, pid=st.integers(1, 3), started_at=st.floats(0.0, 9.0)
)
small = st.integers(1, 3)
few_ids = st.none() | st.sampled_from(["", "c", "other"])
signal_facts = st.builds(
    SignalFact,
    signal=st.sampled_from([9, 15]),
    at=times,
    pid=small,
    delivered=st.booleans(),
    sender_kind=st.sampled_from(SenderKind),
    sender_pid=small,
    sender_command=st.sampled_from(["systemd", "runc", "x"]),
    sender_uid=st.none() | small,
    sender_container=few_ids,
    sender_parent_pid=st.none() | small,
    container_id=few_ids,
)
victim_facts = st.builds(VictimFact, at=times, pid=small, container_id=few_ids)
event_facts = st.builds(
    EventFact,
    topic=st.sampled_from(["/tasks/exit", "/tasks/oom"]),
    at=maybe_time,
    pid=st.none() | st.integers(1, 3),
    exit_status=statuses,
)


def few(facts: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(facts, max_size=3).map(tuple)


any_evidence = st.builds(
    Evidence,
    container_id=st.text(max_size=3) | st.just("c"),
    error=errors,
    step=st.none() | st.sampled_from(["create", "start", "alive", "invoke", "kill", "resume"]),
    step_started_at=maybe_time,
    step_ended_at=maybe_time,
    snapshot_key=st.none() | st.text(max_size=3),
    snapshot_found=maybe_bool,
    snapshot_removed_by_us=maybe_bool,
    parents=st.none() | few(st.builds(SnapshotFact, name=st.text(max_size=3), found=maybe_bool)),
    upper_directory=st.none() | st.text(max_size=3),
    upper_exists=maybe_bool,
    missing_lower_directories=st.none() | few(st.text(max_size=3)),
    missing=st.none() | few(missing_facts),
    exit_status=statuses,
    exited_at=maybe_time,
    cgroup=st.none() | st.just("/shared"),
    cgroup_members=st.none() | st.integers(0, 2),
    cgroup_identity_before=st.none() | st.integers(1, 2),
    cgroup_identity=st.none() | st.integers(1, 2),
    cgroup_joined=maybe_bool,
    cgroup_of_process=st.none() | st.just("/system.slice"),
    controllers_above=st.none() | few(st.sampled_from(["cpu", "memory", "pids"])),
    oom_kills=st.none() | st.integers(-3, 3),
    pid=st.none() | st.integers(1, 3),
    shim_pid=st.none() | st.integers(1, 3),
    shim_alive=maybe_bool,
    daemon_before=daemon_facts,
    daemon_now=daemon_facts,
    daemon_reachable=maybe_bool,
    own_kills=few(kill_facts),
    neighbour_kills=few(kill_facts),
    own_changes=few(change_facts),
    neighbour_changes=few(change_facts),
    cgroup_frozen=maybe_bool,
    process_alive=maybe_bool,
    processor_ran_seconds=st.none() | st.floats(0, 3),
    processor_waited_seconds=st.none() | st.floats(0, 3),
    throttled_seconds=st.none() | st.floats(0, 3),
    memory_limit_bytes=limits,
    memory_limit_made_bytes=limits,
    kills_known_since=maybe_time,
    reaping_seconds=st.none() | st.floats(0, 1),
    cgroup_shared=maybe_bool,
    client_pid=st.none() | small,
    restart_status=st.none() | st.sampled_from(["running", "stopped"]),
    signals=st.none() | few(signal_facts),
    signals_lost=st.none() | st.integers(0, 1),
    oom_victims=st.none() | few(victim_facts),
    events=st.none() | few(event_facts),
    stderr_tail=st.text(max_size=10),
    output_free_bytes=st.none() | st.integers(0, 2**17),
    kernel_log=st.none()
    | few(st.sampled_from(["oom-kill:task_memcg=/shared,pid=1", "Killed process 2 (x)", "x"])),
    notes=few(st.text(max_size=3)),
)
