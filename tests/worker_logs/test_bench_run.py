"""A run's own log: each trial that failed is one failure, of the class that the trial has."""

from __future__ import annotations

import logging
from pathlib import Path

from iluvatar_bench.errors import DaemonFault, IluvatarBenchError, ProcessDied, StartupFailed
from iluvatar_bench.runs.run_log import RUN_LOG, logged
from iluvatar_bench.worker_logs import scan

MOUNT = (
    "failed to create shim task: failed to mount rootfs component &{overlay overlay [upperdir=/s/9"
    "/fs]}: no such file or directory: unknown"
)
NOT_READY = "ended with status {} before it said 'Running on'; {}"
SAYS = "its last words: "
TRIALS = {
    "web-0001": ("silent_startup", NOT_READY.format(137, "it said nothing")),
    "web-0002": ("silent_startup", "did not say 'ok' within 10 s and still runs; it said nothing"),
    "web-0003": (
        "missing_packages",
        NOT_READY.format(1, f"{SAYS}ModuleNotFoundError: No module named 'keyword'"),
    ),
    "web-0004": ("missing_packages", NOT_READY.format(1, f"{SAYS}  <no Python frame>")),
    "web-0005": ("startup_error", NOT_READY.format(3, f"{SAYS}bad weather")),
    "web-0006": (
        "process_died",
        "was ready and ended with status 137 though this client had not killed it",
    ),
    "web-0007": ("snapshot_overlay", MOUNT),
}


def test_one_failure_for_each_trial_of_its_own_class(tmp_path: Path) -> None:
    with logged(tmp_path):
        for container, (bug_class, words) in TRIALS.items():
            _fail(container, bug_class, words)
            logging.getLogger("iluvatar_bench.monitor.memory").debug(
                "container '%s' is gone: reading /proc/7/statm: [Errno 3] No such process",
                "other-0001",
            )
    report = scan([tmp_path / RUN_LOG])
    found = {row.container_id: str(row.bug_class) for row in report.failures.itertuples()}
    assert found == {container: bug_class for container, (bug_class, _) in TRIALS.items()}
    assert set(report.failures["entries"]) == {1}
    assert set(report.failures["format"]) == {"bench-run"}


def _fail(container: str, bug_class: str, words: str) -> None:
    try:
        try:
            raise ConnectionError(f"details = {words!r}\n\tdebug_error_string = 'x'")
        except ConnectionError as error:
            raise _error(container, bug_class, words) from error
    except IluvatarBenchError as error:
        log = logging.getLogger("iluvatar_bench.runs.trial")
        log.debug("%s failed in step %s", container, "ready", exc_info=error)


def _error(container: str, bug_class: str, words: str) -> IluvatarBenchError:
    if bug_class == "snapshot_overlay":
        return DaemonFault(operation="Tasks.Create", subject=container, namespace="x", detail=words)
    message = f"container {container} {words}"
    if bug_class == "process_died":
        return ProcessDied(message, container_id=container)
    return StartupFailed(message, container_id=container, stdout="", stderr="", exited=True)
