"""The causes that ground truth makes on purpose: each a container's life, and what befalls it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.versions import Release, refuses_shared_cgroup
from iluvatar_bench.errors import EnvironmentProblem, UsageError, meant
from iluvatar_bench.lifecycle import Container
from iluvatar_bench.lifecycle.cgroup_requests import pause_container
from iluvatar_bench.lifecycle.container import INVOKE_SECONDS
from iluvatar_bench.profiles import Profile, resolve_profile
from iluvatar_bench.runs.kept_limits import require_kept_limits
from iluvatar_bench.studies import faults, strangers
from iluvatar_bench.studies.busy_processors import busy_processors

_PATIENCE_MS = 20_000
"""How long a container that is to die is watched."""

_SHORT_SECONDS = 3.0
"""How long an invocation is waited for that gets no answer."""

_SHORT_START_SECONDS = 4.0
"""How long a start may be silent for which there is too little processor time."""

LATENT = f"ok (latent {Mechanism.SNAPSHOT_COLLECTED})"
"""The answer to a trial that went well on a snapshot that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCause:
    """One cause, made on purpose.

    ``expected`` is the answer (``studies.ground_truth.answer``) that must be found. ``settings``
    change the guarded profile. A case that is ``alone`` disturbs all others on its containerd, so
    it gets one of its own. ``sources`` are the files of a function that is not built in.
    """

    name: str
    expected: str
    function: str = "hello"
    sources: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] = ()
    invocations: int = 1
    hold_ms: int = 0
    fault: Callable[[Container], Awaitable[None]] | None = None
    beside: Callable[[Container, AsyncExitStack], Awaitable[None]] | None = None
    """What is made beside the ready container and lasts until its trial is over."""
    invoke_seconds: float = INVOKE_SECONDS
    around: Callable[[Node], AbstractContextManager[None]] | None = None
    """What goes on beside the trial from its beginning to its end."""
    ready_seconds: float | None = None
    """How long its function may be silent, of one that is ``alone``; None: as all others."""
    alone: bool = False
    mended_in: Release | None = None
    """The containerd from which on it is no cause any more."""

    @property
    def profile(self) -> Profile:
        """What the containers of the case are made with; no collection but forced ones."""
        return resolve_profile("guarded", ["collection=quiet", *self.settings])


def _ends(status: int) -> tuple[tuple[str, str], ...]:
    """A function that ends its process when it is first invoked."""
    return (("main.py", f"import os\n\n\ndef main(args):\n    os._exit({status})\n"),)


_ANSWERS_SIGTERM = (
    "import os\nimport signal\n\n\ndef end(*_):\n    os._exit(143)\n\n\n"
    "signal.signal(signal.SIGTERM, end)\n\n\n"
)
_OBEDIENT = (("main.py", f"{_ANSWERS_SIGTERM}def main(args):\n    return {{}}\n"),)
_OWN_CHILD = (
    (
        "main.py",
        f"{_ANSWERS_SIGTERM}import time\n\n\ndef main(args):\n    if os.fork() == 0:\n"
        "        os.kill(1, signal.SIGKILL)\n        os.kill(1, signal.SIGTERM)\n"
        "        os._exit(0)\n    time.sleep(10)\n    return {}\n",
    ),
)
"""Of the two signals its first process, which a PID namespace protects, gets the second."""

_LATE_IMPORT = "def main(args):\n    import ib_shipped\n\n    return {'value': ib_shipped.VALUE}\n"
_SHIPPED = (("main.py", _LATE_IMPORT), ("ib_shipped.py", "VALUE = 1\n"))
_NOT_SHIPPED = (("main.py", _LATE_IMPORT),)

_UNREFERENCED = "snapshot_reference=none"

KNOWN_CAUSES: tuple[KnownCause, ...] = (
    KnownCause(name="undisturbed", expected="ok"),
    KnownCause(
        name="collected_before_mount",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=before_mount"),
    ),
    KnownCause(
        name="layer_collected_before_prepare",
        expected=Mechanism.PARENT_COLLECTED,
        settings=("snapshot_reference=parent_unheld", "collection=before_prepare"),
    ),
    KnownCause(
        name="collected_during_startup",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        settings=(_UNREFERENCED, "collection=during_startup"),
    ),
    KnownCause(
        # It has loaded all that it needs, so nothing fails; the damage is there all the same.
        name="collected_after_ready_unnoticed",
        expected=LATENT,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        name="collected_after_ready",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        # The words are those of the case above, and the snapshot is gone as well.
        name="own_missing_module_on_collected",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready"),
    ),
    KnownCause(
        name="collected_after_ready_native",
        expected=Mechanism.SNAPSHOT_COLLECTED,
        function="late-import",
        sources=_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    KnownCause(
        name="own_missing_module_on_collected_native",
        expected=Mechanism.OWN_ERROR,
        function="late-import-absent",
        sources=_NOT_SHIPPED,
        settings=(_UNREFERENCED, "collection=after_ready", "snapshotter=native"),
    ),
    KnownCause(
        name="own_missing_module",
        expected=Mechanism.OWN_ERROR,
        function="missing_import",
        invocations=0,
    ),
    KnownCause(
        name="neighbour_killed_all",
        expected=Mechanism.COLLATERAL_KILL,
        settings=("cgroup=shared", "kill=all"),
        fault=faults.remove_neighbour,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="neighbour_paused",
        expected=Mechanism.NEIGHBOUR_PAUSED,
        settings=("cgroup=shared",),
        beside=faults.pause_neighbour,
        invoke_seconds=_SHORT_SECONDS,
        alone=True,
    ),
    KnownCause(
        name="neighbour_updated",
        expected=Mechanism.NEIGHBOUR_UPDATED,
        function="memory_hog",
        settings=("cgroup=shared", "memory_limit_mib=512"),
        beside=faults.update_neighbour,
        alone=True,
    ),
    KnownCause(
        name="image_pruned_unheld",
        expected=Mechanism.PARENT_COLLECTED,
        settings=("image_end=pruned_unheld",),
        alone=True,
    ),
    KnownCause(
        name="committed_without_labels",
        expected=Mechanism.CONTENT_COLLECTED,
        fault=faults.use_committed_without_labels,
        alone=True,
    ),
    KnownCause(
        name="exec_of_absent_program",
        expected=Mechanism.OWN_ERROR,
        fault=faults.start_absent_program,
    ),
    KnownCause(
        # The monitor looks each second: once at least before the start.
        name="restarted_before_start",
        expected=Mechanism.RESTART_RACE,
        settings=("restart=running", "start_delay_ms=2500"),
        alone=True,
    ),
    KnownCause(
        name="restarted_while_paused",
        mended_in=Release(2, 0, 0),
        expected=Mechanism.RESTART_RACE,
        settings=("restart=running",),
        fault=pause_container,
        invocations=0,
        hold_ms=_PATIENCE_MS,
        alone=True,
    ),
    KnownCause(
        name="memory_limit",
        expected=Mechanism.OOM,
        function="memory_hog",
        settings=("memory_limit_mib=64",),
    ),
    KnownCause(
        name="others_have_the_processors",
        expected=Mechanism.CPU_STARVED,
        settings=("cpu_shares=20",),
        around=busy_processors,
        ready_seconds=_SHORT_START_SECONDS,
        invocations=0,
        alone=True,
    ),
    KnownCause(
        name="processor_limit",
        expected=Mechanism.CPU_THROTTLED,
        settings=("cpus=0.02",),
        ready_seconds=_SHORT_START_SECONDS,
        invocations=0,
        alone=True,
    ),
    KnownCause(
        name="shim_killed",
        expected=Mechanism.SHIM_DEATH,
        fault=faults.kill_shim,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="process_killed_by_us",
        expected=Mechanism.OWN_KILL,
        fault=faults.kill_process,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="daemon_restarted",
        expected=Mechanism.DAEMON_RESTART,
        fault=faults.restart_daemon,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="stranger_amid_kills",
        expected=Mechanism.FOREIGN_KILL,
        settings=("cgroup=shared", "kill=all"),
        fault=strangers.stranger_amid_kills,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="stranger_after_neighbours_oom",
        expected=Mechanism.FOREIGN_KILL,
        settings=("cgroup=shared", "kill=init", "memory_limit_mib=128"),
        fault=strangers.neighbour_out_of_memory,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="signals_to_cgroup",
        expected=Mechanism.FOREIGN_KILL,
        fault=strangers.signals_to_cgroup,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="neighbour_terminated_all",
        expected=Mechanism.COLLATERAL_KILL,
        function="obedient",
        sources=_OBEDIENT,
        settings=("cgroup=shared", "kill=all"),
        fault=strangers.terminate_neighbour,
        alone=True,
        invocations=0,
        hold_ms=_PATIENCE_MS,
    ),
    KnownCause(
        name="killed_by_own_child",
        expected=Mechanism.OWN_ERROR,
        function="own-child",
        sources=_OWN_CHILD,
    ),
    KnownCause(name="exits_0", expected=Mechanism.OWN_ERROR, function="exits-0", sources=_ends(0)),
    KnownCause(name="exits_3", expected=Mechanism.OWN_ERROR, function="exits-3", sources=_ends(3)),
)


def choose(names: Sequence[str] = ()) -> tuple[KnownCause, ...]:
    """The named cases, or all.

    Raises:
        UsageError: there is no such case.
    """
    known = {case.name: case for case in KNOWN_CAUSES}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise UsageError(
            f"no case {wrong[0]!r}{meant(wrong[0], known)}; there are: {', '.join(known)}"
        )
    return tuple(known[name] for name in names) or KNOWN_CAUSES


def left_out(
    cases: Sequence[KnownCause], *, containerd: Release | None, runc: Release | None = None
) -> dict[str, str]:
    """The names of the cases that are none here, and why.

    This host has no cgroup controller for them, or its containerd or its runc does what they rest
    on no more.
    """
    reasons = {}
    for case in cases:
        if case.profile.cgroup == "shared" and runc and refuses_shared_cgroup(runc):
            said = ".".join(map(str, runc))
            reasons[case.name] = f"runc {said} refuses a cgroup that others live in"
        if case.mended_in and containerd and containerd >= case.mended_in:
            reasons[case.name] = f"containerd {'.'.join(map(str, containerd))} does it no more"
        try:
            require_kept_limits(case.profile)
        except EnvironmentProblem as error:
            reasons[case.name] = str(error)
    return reasons
