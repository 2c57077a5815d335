"""Processors that others keep busy, for a while, beside the containers of one node."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.host.kernel import cgroups

_MOST_SECONDS = 60
"""After which such a process ends by itself, whatever became of its parent."""

_TURN = f"import time\nend = time.monotonic() + {_MOST_SECONDS}\nwhile time.monotonic() < end: pass"


@contextmanager
def busy_processors(node: Node) -> Iterator[None]:
    """Two processes for each processor, in a cgroup beside those of the node's containers.

    It has the usual weight, so that containers with a small one (``cpu_shares``) get next to
    nothing.

    Raises:
        OSError: the cgroup cannot be made.
    """
    beside = f"{node.cgroup_parent}/busy"
    cgroups.make(beside)
    with ExitStack() as stack:
        stack.callback(cgroups.remove_tree, beside)
        for _ in range(2 * (os.cpu_count() or 1)):
            process = subprocess.Popen([sys.executable, "-S", "-c", _TURN])
            stack.callback(process.wait)
            stack.callback(process.kill)
            cgroups.move(process.pid, beside)
        yield
