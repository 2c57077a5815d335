"""The program that reads the kernel's record of kills, beside the one that asks for it.

It is a process of its own so that senders are looked up while they live, however busy the one that
asks is, and so that whatever ends that one, the traces go: its end of the socket is closed then. It
is started as ``python -P -m iluvatar_bench.host.kernel.kill_reader DESCRIPTOR`` with a stream
socket, over which it says, a JSON document a line:

* ``{"kind": "ready"}`` or ``{"kind": "refused", "why": ...}``, first;
* ``{"kind": "signal", ...}`` and ``{"kind": "victim", ...}`` as they come;
* ``{"kind": "synced", "number": n, "lost": n, "ended_at": ..., "shims": [...]}`` in answer to
  ``{"number": n, "pid": ..., "served": {...}}``, a line: whatever the kernel recorded before it has
  been said. ``shims`` are those that began for the container that is asked about.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from iluvatar_bench.errors import IluvatarBenchError
from iluvatar_bench.host.freed_memory import give_back_freed
from iluvatar_bench.host.kernel.ancestry import Served
from iluvatar_bench.host.kernel.kill_trace import KillTrace, open_kill_trace

_NICE = -10
"""Ahead of the load that is watched: it works for a moment after a signal, and then waits."""

_READ_BYTES = 65536

_GIVE_BACK_AFTER = 2000
"""Signals: what was remembered of as many has gone meanwhile."""


def serve(connection: socket.socket) -> None:
    """Read until the other end of the socket is closed."""
    try:
        with open_kill_trace() as trace:
            _say(connection, {"kind": "ready"})
            _follow(trace, connection)
    except IluvatarBenchError as error:
        _say(connection, {"kind": "refused", "why": str(error)})


def _follow(trace: KillTrace, connection: socket.socket) -> None:
    poller = select.poll()
    for descriptor in (connection.fileno(), *trace.descriptors):
        poller.register(descriptor, select.POLLIN)
    unread, told = b"", 0
    while True:
        ready = dict(poller.poll())
        told += _tell(trace, connection)
        if told >= _GIVE_BACK_AFTER:
            give_back_freed()
            told = 0
        if connection.fileno() not in ready:
            continue
        received = connection.recv(_READ_BYTES)
        if not received:
            return
        *lines, unread = (unread + received).split(b"\n")
        for line in lines:
            _answer(trace, connection, json.loads(line))


def _tell(trace: KillTrace, connection: socket.socket) -> int:
    """Say what is new; how many signals that were."""
    signals, victims = trace.read()
    for fact in signals:
        _say(connection, {"kind": "signal", **asdict(fact)})
    for victim in victims:
        _say(connection, {"kind": "victim", **asdict(victim)})
    return len(signals)


def _answer(trace: KillTrace, connection: socket.socket, asked: Mapping[str, Any]) -> None:
    # Asked after the last look: what came since is told first.
    _tell(trace, connection)
    trace.read_descents()
    pid, served = asked.get("pid"), asked.get("served")
    _say(
        connection,
        {
            "kind": "synced",
            "number": asked["number"],
            "lost": trace.lost,
            "ended_at": None if pid is None else trace.ended_at(int(pid)),
            "shims": [] if served is None else trace.shims_of(Served(**served)),
        },
    )


def _say(connection: socket.socket, document: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(document).encode() + b"\n")


def _main(descriptor: str) -> int:
    # Whoever asks a whole service to end asks the reader's owner as well: that one ends it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except PermissionError:
        # Senders that are gone by then are told by the record of forks.
        pass
    with socket.socket(fileno=int(descriptor)) as connection:
        try:
            serve(connection)
        except (BrokenPipeError, ConnectionResetError):
            # The owner is gone; the traces went with the block.
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
