"""The faults, each as what is done at one call of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import grpc

from iluvatar_bench.clients.check import pod_calls
from iluvatar_bench.clients.check.client_command import kill_group
from iluvatar_bench.clients.check.client_run import ClientRun
from iluvatar_bench.clients.check.made import Made
from iluvatar_bench.clients.check.needs import Needs
from iluvatar_bench.clients.check.outcome import Fault
from iluvatar_bench.clients.check.positions import CallKey, CallNames, Order
from iluvatar_bench.clients.check.presence import live_tasks, missing, tasks
from iluvatar_bench.clients.stored import Stored
from iluvatar_bench.containerd.proxy.hook import PassingCall, Refusal
from iluvatar_bench.containerd.proxy.methods import streams_answers
from iluvatar_bench.containerd.services.pods import NAMESPACE as PODS_NAMESPACE
from iluvatar_bench.containerd.values import TaskState

DELAY_SECONDS = 2.0
PAUSE_SECONDS = 15.0
_RECONNECT_SECONDS = 15.0
_STREAM_SECONDS = 0.1
"""A stream of answers may have none for long: so long after its request it counts as begun."""

KILLED = frozenset({137, 143})
"""128 + SIGKILL and 128 + SIGTERM."""

_REFUSAL = Refusal(grpc.StatusCode.UNAVAILABLE, "refused (a fault of iluvatar-bench)")


class Neighbour:
    """A second container of the same client, held where its removal begins."""

    def __init__(self, order: Order, container_id: str) -> None:
        self._names = order.names(container_id)
        self._begins = removal_begins(order)
        self.at_removal = asyncio.Event()
        self.go_on = asyncio.Event()

    async def before(self, call: PassingCall) -> Refusal | None:
        """Hold the first call of its removal."""
        key = self._names.name(call.method, call.namespace, call.request)
        if key == self._begins:
            self.at_removal.set()
            await self.go_on.wait()
        return None

    def loses_answer(self, call: PassingCall) -> bool:
        """Never."""
        return False

    async def after(self, call: PassingCall, status: str) -> None:
        """Nothing."""


def removal_begins(order: Order) -> CallKey | None:
    """The call with which a client begins to remove a container; None where it never does."""
    for methods in (
        ("Tasks/Kill", "RuntimeService/StopContainer"),
        ("Tasks/Delete",),
        ("Snapshots/Remove", "Containers/Delete"),
    ):
        for position in order.positions:
            if position.key is not None and position.key.method.endswith(methods):
                return position.key
    return None


class AtPosition:
    """A hook that does one fault at one position of one run, and looks what it took."""

    def __init__(self, fault: Fault, position: int, order: Order, needs: Needs) -> None:
        self.fault = fault
        self.position = position
        self.reached = False
        self.lost: dict[Stored, str] = {}
        """What was gone though it was needed, with what can come of it: before it was mounted, or
        while a process ran on it."""
        self.died: dict[tuple[str, str], None] = {}
        """Containers whose process a neighbour's removal ended."""
        self._numbers: Mapping[CallKey | None, int] = {p.key: p.number for p in order.positions}
        self._needs = needs
        self._call: int | None = None
        self._signalled: set[tuple[str, str]] = set()
        """Containers that the client itself began to send a signal to: their end is its own."""
        self._restarting: asyncio.Task[None] | None = None
        self.collections = 0
        """Those that were forced while the call went on."""
        self._collecting: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self._unlooked = False
        self._names: CallNames
        self._run: ClientRun
        self.neighbour: tuple[Neighbour, asyncio.Task[object]] | None = None

    def stand_in(self, run: ClientRun) -> None:
        """The run that it stands in; to be said before the client is started."""
        self._run = run
        self._names = run.order.names(run.id)

    async def before(self, call: PassingCall) -> Refusal | None:
        """Do the fault, if this is the call."""
        if self._unlooked:
            # What the call made that the collections fell into is known from its answer on.
            self._unlooked = False
            await self._look(self._run.made())
        key = self._names.name(call.method, call.namespace, call.request)
        refusal = None
        if not self.reached and self._numbers.get(key) == self.position:
            self.reached = True
            self._call = call.number
            refusal = await self._do(call)
        if call.method.endswith(".Tasks/Kill") and not call.request.get("exec_id"):
            container = str(call.request.get("container_id", ""))
            self._signalled.add((call.namespace or "", container))
        elif pod_calls.is_pod_call(call.method):
            ended = pod_calls.ended_by(call.method, call.request, self._run.made().things)
            self._signalled |= {(PODS_NAMESPACE, name) for name in ended}
        return refusal

    async def _do(self, call: PassingCall) -> Refusal | None:
        match self.fault:
            case Fault.COLLECTION:
                await self.collect()
                if pod_calls.is_pod_call(call.method):
                    self._collecting = asyncio.create_task(self._collect_on())
            case Fault.NEIGHBOUR:
                await self._end_neighbour()
            case Fault.REFUSED:
                return _REFUSAL
            case Fault.DAEMON_RESTART:
                # The call is given up where its client goes away meanwhile, as streams are; the
                # daemon of all positions must not stay away with it.
                self._restarting = asyncio.create_task(self._run.bench.restart())
                await asyncio.shield(self._restarting)
                await self._run.proxy.upstream_ready(seconds=_RECONNECT_SECONDS)
            case Fault.DELAY:
                await asyncio.sleep(DELAY_SECONDS)
            case Fault.PAUSE:
                self._run.proxy.front.stop_answering()
                try:
                    await asyncio.sleep(PAUSE_SECONDS)
                finally:
                    self._run.proxy.front.answer_again()
            case Fault.CLIENT_KILLED if streams_answers(call.method):
                asyncio.get_running_loop().call_later(_STREAM_SECONDS, self._kill_client)
        return None

    def loses_answer(self, call: PassingCall) -> bool:
        """Whether it is this call's answer that is lost."""
        return self.fault is Fault.LOST_ANSWER and call.number == self._call

    async def after(self, call: PassingCall, status: str) -> None:
        """Kill the client, if that is the fault and this the call."""
        if call.number == self._call:
            await self._stop_collecting()
        if self.fault is Fault.CLIENT_KILLED and call.number == self._call:
            self._kill_client()

    async def settled(self) -> None:
        """Return when a restart that it began is over, and no collection goes on.

        Raises:
            DaemonStartFailed: the daemon did not come back.
        """
        await self._stop_collecting()
        if self._restarting is not None:
            await self._restarting

    async def collect(self) -> None:
        """Force a collection, and look at once what it took that is still needed."""
        before = self._run.made()
        await self._run.bench.collect()
        await self._look(before)

    async def _collect_on(self) -> None:
        """Collect without a pause: no proxy stands between the calls that the CRI plugin makes."""
        while not self._answered.is_set():
            await self._run.bench.collect()
            self.collections += 1

    async def _stop_collecting(self) -> None:
        self._answered.set()
        if self._collecting is not None:
            collecting, self._collecting = self._collecting, None
            await collecting
            self._unlooked = True

    async def _look(self, made: Made) -> None:
        client = self._run.bench.node.client
        # Asked before: a Kill that came while a call was held is the client's own will.
        running = await live_tasks(client, made.namespaces)
        live = {
            thing
            for key in running
            if (thing := made.mounted.get(key)) is not None and key not in self._signalled
        }
        needed = {*self._needs.at(self.position, made), *(t for t in live if t in made.things)}
        for thing in await missing(client, needed):
            self.lost[thing] = "a process runs on it" if thing in live else "not mounted yet"

    async def _end_neighbour(self) -> None:
        assert self.neighbour is not None
        neighbour, running = self.neighbour
        client = self._run.bench.node.client
        made = self._run.made()
        before = await live_tasks(client, made.namespaces)
        neighbour.go_on.set()
        await asyncio.wait((running,))
        now = await tasks(client, made.namespaces)
        for key in before:
            ours = key in made.mounted and key not in self._signalled
            task = now.get(key)
            if ours and task and task.state is TaskState.STOPPED and task.exit_status in KILLED:
                self.died.setdefault(key)
        await self._look(made)

    def _kill_client(self) -> None:
        if self._run.group is not None:
            kill_group(self._run.group)
