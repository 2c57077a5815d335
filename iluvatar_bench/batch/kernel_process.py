"""The process of a notebook's kernel: an IPython kernel that outlives its parent by seconds only.

Started as ``python -m iluvatar_bench.batch.kernel_process -f CONNECTION_FILE``. Ipykernel's own
watch on the parent looks once a second and then leaves without a ``finally``. This one hears of the
parent's death at once, cancels the cell under way, so that its run writes down what it had and
removes its containerd, and ends the process.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
from pathlib import Path

from ipykernel.kernelapp import IPKernelApp

HEED_SECONDS = 0.1
"""A run takes the first SIGINT for a wish to stop: so long until the second, which cancels it."""

CANCELLED_SECONDS = 20.0
"""A cancelled cell has so long to write its tables and to remove what it started: ten times what
both take on two busy processors."""


class KernelApp(IPKernelApp):
    """Ipykernel's own, without its watch on the parent."""

    def init_poller(self) -> None:
        """Nothing: see :func:`_end_after`."""


def run_kernel() -> None:
    """Run the kernel until it is shut down or its parent is gone."""
    app = KernelApp.instance()
    parent = app.parent_handle or os.getppid()
    # Jupyter interrupts a kernel before it shuts it down; an idle one calls that an error.
    app.log.addFilter(lambda record: "KeyboardInterrupt caught" not in record.getMessage())
    app.initialize()  # type: ignore[no-untyped-call]
    assert app.shell is not None
    idle = threading.Event()
    idle.set()
    app.shell.events.register("pre_run_cell", lambda *_: idle.clear())
    app.shell.events.register("post_run_cell", lambda *_: idle.set())
    home = Path(app.abs_connection_file).parent
    threading.Thread(target=_end_after, args=(parent, idle, home), daemon=True).start()
    app.start()  # type: ignore[no-untyped-call]


def _end_after(parent: int, idle: threading.Event, home: Path) -> None:
    """Wait for the parent's death, cancel the cell under way, end this process.

    ``home``, the folder of the connection file, was the parent's to remove.
    """
    _wait_end(parent)
    for seconds in (HEED_SECONDS, CANCELLED_SECONDS):
        if not idle.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            idle.wait(seconds)
    shutil.rmtree(home, ignore_errors=True)
    os._exit(1)


def _wait_end(parent: int) -> None:
    try:
        pidfd = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    try:
        # The number may be another process's by now; a live parent's it is not.
        if os.getppid() == parent:
            select.select([pidfd], [], [])
    finally:
        os.close(pidfd)


if __name__ == "__main__":
    run_kernel()
