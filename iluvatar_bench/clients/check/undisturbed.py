"""The client without any fault: what it does, what it needs, what it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from iluvatar_bench.clients.check.client_run import ClientRun, Workbench, open_client_run
from iluvatar_bench.clients.check.image_content import named_by_images
from iluvatar_bench.clients.check.left_on_node import left_by, remove_left
from iluvatar_bench.clients.check.made import Made, made_by
from iluvatar_bench.clients.check.needs import Needs, needs_of
from iluvatar_bench.clients.check.positions import Order, align
from iluvatar_bench.clients.check.presence import live_tasks, missing
from iluvatar_bench.clients.stored import Stored
from iluvatar_bench.errors import ClientFails
from iluvatar_bench.records.call import Call

RECORDINGS = 2

_NO_ORDER = Order((), frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """What the undisturbed runs showed. ``left`` is what the client leaves by itself, in words."""

    order: Order
    needs: Needs
    left: tuple[str, ...]
    seconds: float
    """The longest of the runs."""
    recordings: tuple[tuple[str, str, tuple[Call, ...]], ...]
    """Label, container id and calls of each."""


async def record_undisturbed(bench: Workbench) -> Undisturbed:
    """Run the client twice without a fault; nothing of it is left then.

    Raises:
        ClientFails: it fails by itself, makes no call, or ends before its container.
        UsageError: it cannot be started.
    """
    recordings: list[tuple[str, str, tuple[Call, ...]]] = []
    seconds = 0.0
    for number in range(1, RECORDINGS + 1):
        async with open_client_run(bench, f"undisturbed-{number}", _NO_ORDER) as run:
            ended = await run.execute()
            seconds = max(seconds, ended.seconds)
            made = run.made()
            await _require_whole_life(run)
            meant = await _content_of_images(bench, made)
            await bench.collect()
            left = await left_by(bench.node.client, bench.node.address, made, run.id)
            gone = set(await missing(bench.node.client, made.ever)) - meant
            await remove_left(bench.node.client, made, run.id)
            await bench.collect()
        calls = tuple(sorted(run.calls, key=lambda call: call.number))
        recordings.append((run.label, run.id, calls))
    order = align([(name, calls) for _, name, calls in recordings])
    last = made_by(order.keys(calls, run.id))
    needs = needs_of(order, last, [thing for thing in last.ever if thing not in gone])
    return Undisturbed(
        order=order,
        needs=needs,
        left=left.words(run.id),
        seconds=seconds,
        recordings=tuple(recordings),
    )


async def _content_of_images(bench: Workbench, made: Made) -> set[Stored]:
    """What a client has stored that the images it leaves name, and so means to be there."""
    named = {
        (namespace, digest)
        for namespace in {namespace for namespace, _ in made.images}
        for digest in await named_by_images(
            bench.node.client.under(namespace),
            [name for space, name in made.images if space == namespace],
        )
    }
    stored = [t for t in made.things if t.kind == "content" and (t.namespace, t.name) in named]
    return set(stored) - set(await missing(bench.node.client, stored))


async def _require_whole_life(run: ClientRun) -> None:
    """Raise where the client cannot be tested, in one line that says why.

    Raises:
        ClientFails: that is so.
    """
    ended, said = run.ended, ""
    assert ended is not None
    if ended.output:
        said = f": {ended.output}"
    if ended.status is None:
        seconds = run.bench.command.timeout_seconds
        raise ClientFails(
            f"COMMAND did not end within {seconds:g} s, without any fault (--timeout){said}"
        )
    if not run.calls and ended.status == 0:
        raise ClientFails(
            "COMMAND asked nothing of containerd: it has to use the socket in CONTAINERD_ADDRESS "
            "or {address}" + said
        )
    if ended.status != 0:
        raise ClientFails(f"COMMAND failed with status {ended.status}, without any fault{said}")
    if run.asserted is False:
        raise ClientFails(f"--assert does not hold, without any fault{said}")
    living = await live_tasks(run.bench.node.client, run.made().namespaces)
    ours = sorted(name for _, name in living)
    if ours:
        await remove_left(run.bench.node.client, run.made(), run.id)
        raise ClientFails(
            f"COMMAND ended before its container ({', '.join(ours)} still lives): it has to be the "
            "whole life of a container, its removal included"
        )
