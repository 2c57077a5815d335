"""Logs of a wanted size with known failures, to measure and to check the reader against.

The healthy lines are those of the worker's and containerd's own messages; the wordings of failures
are the notes of 2022 and public issues.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.errors import UsageError

_CHUNK_BYTES = 256 * 1024
_HOUR = "2025-03-05T10"
"""Stands in the chunk of healthy lines and is replaced by each chunk's own hour."""

_OVERLAY = (
    "failed to create shim task: failed to mount rootfs component &{overlay overlay "
    "[index=off upperdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1149"
    "/fs]}: no such file or directory: unknown"
)
_TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/app/server.py", line 2, in <module>\n'
    "    from flask import Flask, request, jsonify\n"
    '  File "/usr/local/lib/python3.10/importlib/metadata/__init__.py", line 4, in <module>\n'
    "    import csv\n"
    "ModuleNotFoundError: No module named 'csv'\n"
)
_MANAGER = "iluvatar_lib::services::containers::containermanager"


class _Names:
    """Seeded names: the same seed writes the same log."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._functions = ("hello-0.0.5", "chameleon-0.0.2", "video-processing-1.2.0")

    def guid(self) -> str:
        digits = f"{self._random.getrandbits(128):032X}"
        return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))

    def container(self) -> str:
        return f"{self._random.choice(self._functions)}-{self.guid()}"

    def transaction(self) -> str:
        return self.guid().lower().replace("-", "to")

    def hexadecimal(self) -> str:
        return f"{self._random.getrandbits(256):064x}"

    def number(self, below: int) -> int:
        return self._random.randrange(below)


Writer = Callable[[_Names], str]


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A format: healthy entries with their weights, and failures with their class."""

    healthy: tuple[tuple[int, Writer], ...]
    failures: tuple[tuple[BugClass, Writer], ...]


def _2022(level: str, module: str, message: str, names: _Names, tid: str = "CtrMrgWorker") -> str:
    stamp = f"{_HOUR.replace('T', ' ')}:{names.number(60):02}:{names.number(60):02}"
    fraction = f"{names.number(10**6):06}"
    return f"[{stamp}.{fraction} -04:00] [{level}] [{module}] [{tid}] {message}\n"


def _2022_steady(n: _Names) -> str:
    memory = n.number(200)
    message = f"container '{n.container()}' new: {memory}; old: {memory}; diff:0"
    return _2022("DEBUG", _MANAGER, message, n)


def _2022_invoked(n: _Names) -> str:
    message = "Handling invocation request hello 0.0.5"
    return _2022("INFO", "iluvatar_worker", message, n, n.transaction())


def _2022_mounts(n: _Names) -> str:
    message = f"got mounts {n.container()} 1, overlay, no such file or directory is not reported"
    return _2022("DEBUG", _MANAGER, message, n, n.transaction())


def _2022_died(n: _Names) -> str:
    container = n.container()
    statm = f"Error trying to read container '{container}' /proc/<pid>/statm: CtrMrgWorker"
    unhealthy = f"Removing an unhealthy container {container} stdout: '' stderr: ' * Running'"
    return (
        _2022("WARN", "structs", statm, n, "No such file or directory (os error 2)")
        + _2022("WARN", _MANAGER, unhealthy, n)
        + _2022("INFO", _MANAGER, f"Removing container {container}", n)
    )


def _2022_missing(n: _Names) -> str:
    message = (
        f"Timeout while reading inotify events for container {n.container()}; stdout: ''; "
        f"stderr '{_TRACEBACK}'"
    )
    return _2022("ERROR", "structs", message, n, n.transaction())


def _2022_overlay(n: _Names) -> str:
    """The error names only the transaction; another line of it names the container."""
    tid = n.transaction()
    return _2022("INFO", _MANAGER, f"Removing container '{n.container()}'", n, tid) + _2022(
        "ERROR",
        _MANAGER,
        f'Create task failed with: status: Unknown, message: "{_OVERLAY}"',
        n,
        tid,
    )


def _json(level: str, message: str, names: _Names, **fields: object) -> str:
    stamp = f"{_HOUR.replace('T', ' ')}:{names.number(60):02}:{names.number(60):02}"
    document = {
        "timestamp": f"{stamp}.{names.number(10**9):09}",
        "level": level,
        "fields": {"message": message, **fields},
        "target": "iluvatar_worker_library::services::containers",
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def _json_steady(n: _Names) -> str:
    m = n.number(200)
    return _json("DEBUG", "updated container memory usage", n, tid="CtrMrgWorker",
                 container_id=n.container(), new_usage=m, old=m)  # fmt: skip


def _json_invoked(n: _Names) -> str:
    return _json("INFO", "Handling invocation request", n, tid=n.transaction(),
                 function_name="hello", function_version="0.0.5")  # fmt: skip


def _json_died(n: _Names) -> str:
    c = n.container()
    statm = "Error trying to read container /proc/<pid>/statm"
    return _json("WARN", statm, n, tid="CtrMrgWorker", error="No such file or directory",
                 container_id=c) + _json("WARN", "Removing an unhealthy container", n,
                 tid="CtrMrgUnhealthyRemoved", container_id=c, stdout="", stderr="")  # fmt: skip


def _json_missing(n: _Names) -> str:
    return _json("ERROR", "Timeout while waiting container startup", n, tid=n.transaction(),
                 container_id=n.container(), stdout="",
                 stderr=_TRACEBACK.replace("\n", "\\n"))  # fmt: skip


def _json_overlay(n: _Names) -> str:
    tid = n.transaction()
    return _json("INFO", "Removing container", n, tid=tid, container_id=n.container()) + _json(
        "ERROR", "Create task failed", n, tid=tid, error=_OVERLAY
    )


def _logfmt(level: str, message: str, names: _Names, rest: str = "") -> str:
    time = f"{_HOUR}:{names.number(60):02}:{names.number(60):02}.{names.number(10**9):09}Z"
    return f'time="{time}" level={level} msg={json.dumps(message)}{rest}\n'


def _logfmt_failed(text: str) -> Writer:
    return lambda n: _logfmt(
        "error", "StartContainer failed", n, f" error={json.dumps(text)} id={n.hexadecimal()}"
    )


def _object(level: str, message: str, names: _Names, **rest: object) -> str:
    time = f"{_HOUR}:{names.number(60):02}:{names.number(60):02}.{names.number(10**9):09}Z"
    return json.dumps({**rest, "level": level, "msg": message, "time": time}, sort_keys=True) + "\n"


def _object_failed(text: str) -> Writer:
    return lambda n: _object("error", "StartContainer failed", n, error=text, id=n.hexadecimal())


def _document(text: str) -> Writer:
    return lambda n: (
        f'{{ "Error": "Unknown error Startup error: {text} in container {n.container()}" }}\n'
    )


_CONTAINERD_FAILURES = (
    (BugClass.SNAPSHOT_OVERLAY, _OVERLAY),
    (BugClass.SHIM_LOST, "failed to start container: ttrpc: closed: unknown"),
    (BugClass.NETWORK, "plugin failed: no IP addresses available in range set"),
)
_RECIPES = {
    "worker-2022": _Recipe(
        ((7, _2022_steady), (2, _2022_invoked), (1, _2022_mounts)),
        (
            (BugClass.PROCESS_DIED, _2022_died),
            (BugClass.MISSING_PACKAGES, _2022_missing),
            (BugClass.SNAPSHOT_OVERLAY, _2022_overlay),
        ),
    ),
    "tracing-json": _Recipe(
        ((8, _json_steady), (2, _json_invoked)),
        (
            (BugClass.PROCESS_DIED, _json_died),
            (BugClass.MISSING_PACKAGES, _json_missing),
            (BugClass.SNAPSHOT_OVERLAY, _json_overlay),
        ),
    ),
    "error-document": _Recipe(
        ((1, lambda n: f"{n.transaction()} hello 0.0.5 200 {n.number(5000)} ms, response ok\n"),),
        (
            (BugClass.MISSING_PACKAGES, _document(f"stderr '{_TRACEBACK}'")),
            (BugClass.SNAPSHOT_OVERLAY, _document(_OVERLAY.replace("&{", "&{\n  "))),
            (BugClass.UNCLASSIFIED, _document("the worker said nothing that anyone knows")),
        ),
    ),
    "containerd-logfmt": _Recipe(
        (
            (8, lambda n: _logfmt("info", "TaskExit event", n, f" id={n.hexadecimal()}")),
            (1, lambda n: _logfmt("debug", "snapshot a does not exist: not found", n)),
        ),
        tuple((c, _logfmt_failed(text)) for c, text in _CONTAINERD_FAILURES),
    ),
    "containerd-json": _Recipe(
        ((1, lambda n: _object("info", "TaskExit event", n, id=n.hexadecimal())),),
        tuple((c, _object_failed(text)) for c, text in _CONTAINERD_FAILURES),
    ),
    "plain": _Recipe(
        ((1, lambda n: f"10.10.0.1 - - [08/Jul/2022 19:58:54] POST /{n.transaction()} 200\n"),),
        (
            (BugClass.MISSING_PACKAGES, lambda n: _TRACEBACK),
            (
                BugClass.SILENT_STARTUP,
                lambda n: f"{n.container()}: cannot start a stopped process\n",
            ),
        ),
    ),
}
FORMATS = tuple(_RECIPES)


def write_log(
    path: Path, *, format: str, size_bytes: int, failures: int, seed: int = 0
) -> Counter[BugClass]:
    """Write a log of about ``size_bytes`` with ``failures`` failures spread evenly over it.

    Returns how many there are of each class; they take turns.

    Raises:
        UsageError: there is no such format.
    """
    if format not in _RECIPES:
        raise UsageError(f"no log format {format!r}; one of {', '.join(FORMATS)}")
    recipe, names = _RECIPES[format], _Names(seed)
    lines = [write for weight, write in recipe.healthy for _ in range(weight)]
    chunk = ""
    while len(chunk) < min(_CHUNK_BYTES, size_bytes):
        chunk += "".join(write(names) for write in lines)
    healthy = chunk.encode()
    chunks = max(1, size_bytes // len(healthy))
    written: Counter[BugClass] = Counter()
    with path.open("wb") as file:
        for number in range(chunks):
            hour = f"2025-{1 + number % 12:02}-{1 + number // 12 % 28:02}T{number % 24:02}"
            for placeholder, value in (
                (_HOUR, hour),
                (_HOUR.replace("T", " "), hour.replace("T", " ")),
            ):
                healthy_now = healthy.replace(placeholder.encode(), value.encode())
                if healthy_now != healthy:
                    break
            file.write(healthy_now)
            while written.total() * chunks < failures * (number + 1):
                bug_class, write = recipe.failures[written.total() % len(recipe.failures)]
                file.write(write(names).encode())
                written[bug_class] += 1
    return written
