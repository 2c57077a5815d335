"""The recording proxy changes nothing that a client or a daemon can see, and misses no call."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from iluvatar_bench import errors
from iluvatar_bench.benchmarks.proxy_cost import measure
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.proxy.call_log import JOURNAL, TABLE, CallLog, read_calls
from iluvatar_bench.containerd.proxy.hook import PassingCall, Refusal
from iluvatar_bench.containerd.proxy.serve import Proxy, open_proxy
from iluvatar_bench.records.call import Call
from tests.support.fake_containerd import fake_containerd
from tests.support.raw_server import RawServer, raw_server

UNKNOWN = "/some.other.v3.Service/Method"
PREPARE = "/containerd.services.snapshots.v1.Snapshots/Prepare"


@asynccontextmanager
async def beside(
    folder: Path, sink: Callable[[Call], None] = lambda _: None, hook: Any = None
) -> AsyncIterator[tuple[RawServer, Proxy, grpc.aio.Channel]]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with (
        raw_server(folder / "s") as raw,
        open_proxy(folder / "p", upstream=folder / "s", sink=sink, hook=hook) as proxy,
        grpc.aio.insecure_channel(f"unix:{folder / 'p'}", options=options) as channel,
    ):
        yield raw, proxy, channel


@pytest.mark.parametrize("path", [UNKNOWN, PREPARE])
@pytest.mark.parametrize("code", [grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION])
async def test_metadata_deadline_status_and_trailers_pass(
    short_folder: Path, path: str, code: grpc.StatusCode
) -> None:
    remaining: list[float | None] = []

    async def answer(context: grpc.aio.ServicerContext) -> None:
        remaining.append(context.time_remaining())
        await context.send_initial_metadata((("first", "1"), ("first-bin", b"\0\xff")))
        assert await context.read() == b"\x0a\x01a"
        if code is grpc.StatusCode.OK:
            await context.write(b"\x0a\x01b")
        context.set_trailing_metadata(
            (("last", "2"), ("last", "3"), ("grpc-status-details-bin", b"\x08\x09\x12\x01x"))
        )
        context.set_code(code)
        context.set_details("détails: 100 % \n of it" if code is not grpc.StatusCode.OK else "")

    sent = (("containerd-namespace", "n"), ("containerd-lease", "l"), ("x-bin", b"\0\1\xfe"))
    calls: list[Call] = []
    async with beside(short_folder, calls.append) as (raw, _, channel):
        raw.answers[path] = answer
        call = channel.unary_unary(path)(b"\x0a\x01a", metadata=sent, timeout=30)
        if code is grpc.StatusCode.OK:
            assert await call == b"\x0a\x01b"
        else:
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        assert await call.code() is code
        trailing = list(await call.trailing_metadata())
        assert [value for key, value in trailing if key == "last"] == ["2", "3"]
        assert ("grpc-status-details-bin", b"\x08\x09\x12\x01x") in trailing
        if code is grpc.StatusCode.OK:
            assert set(await call.initial_metadata()) >= {("first", "1"), ("first-bin", b"\0\xff")}
        else:
            assert await call.details() == "détails: 100 % \n of it"
        assert set(raw.seen[path]) >= set(sent)
        assert raw.seen[path].count(("containerd-namespace", "n")) == 1
        await channel.unary_unary("/a/Without")(b"")
    assert remaining[0] is not None and 20 < remaining[0] <= 30.5
    first = calls[0]
    assert (first.method, first.namespace, first.lease) == (path[1:], "n", "l")
    assert (first.status, first.peer_pid) == (code.name, os.getpid())
    assert (first.request_messages, first.request_bytes) == (1, 3)
    assert (first.answer_messages, first.answer_bytes) == ((1, 3) if code.value[0] == 0 else (0, 0))


async def test_no_deadline_stays_no_deadline(short_folder: Path) -> None:
    remaining: list[float | None] = []

    async def answer(context: grpc.aio.ServicerContext) -> None:
        remaining.append(context.time_remaining())
        await context.read()
        await context.write(b"")

    async with beside(short_folder) as (raw, _, channel):
        for path in (UNKNOWN, PREPARE):
            raw.answers[path] = answer
            await channel.unary_unary(path)(b"")
    assert remaining == [None, None]


async def test_a_conversation_and_its_half_close(short_folder: Path) -> None:
    """Each side may speak first; the end of the client's part is no end of the call."""

    async def answer(context: grpc.aio.ServicerContext) -> None:
        await context.write(b"greeting")
        count = 0
        while (message := await context.read()) is not grpc.aio.EOF:
            count += 1
            await context.write(b"echo " + message)
        await context.write(b"%d" % count)

    async with beside(short_folder) as (raw, _, channel):
        raw.answers[UNKNOWN] = answer
        call = channel.stream_stream(UNKNOWN)()
        assert await call.read() == b"greeting"
        for word in (b"a", b"b"):
            await call.write(word)
            assert await call.read() == b"echo " + word
        await call.done_writing()
        assert await call.read() == b"2"
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_status_before_the_client_has_ended(short_folder: Path) -> None:
    async def answer(context: grpc.aio.ServicerContext) -> None:
        await context.read()
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")

    async with beside(short_folder) as (raw, _, channel):
        raw.answers[UNKNOWN] = answer
        call = channel.stream_stream(UNKNOWN)()
        await call.write(b"a")
        assert await asyncio.wait_for(call.code(), 10) is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("path", [UNKNOWN, PREPARE])
async def test_a_client_that_cancels_ends_the_daemons_work(short_folder: Path, path: str) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def answer(context: grpc.aio.ServicerContext) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    calls: list[Call] = []
    async with beside(short_folder, calls.append) as (raw, _, channel):
        raw.answers[path] = answer
        call = channel.unary_unary(path)(b"")
        waiting = asyncio.ensure_future(begun.wait())
        await asyncio.wait_for(waiting, 10)
        call.cancel()
        await asyncio.wait_for(cancelled.wait(), 10)
    assert [(c.method, c.status) for c in calls] == [(path[1:], "CANCELLED")]


async def test_a_daemon_that_goes_away_breaks_the_call(short_folder: Path) -> None:
    begun = asyncio.Event()

    async def answer(context: grpc.aio.ServicerContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with beside(short_folder) as (raw, _, channel):
        raw.answers[PREPARE] = answer
        call = channel.unary_unary(PREPARE)(b"")
        code = asyncio.ensure_future(call.code())
        await asyncio.wait_for(begun.wait(), 10)
        await raw.server.stop(None)
        assert await asyncio.wait_for(code, 10) in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.CANCELLED,
        )
        again = channel.unary_unary(PREPARE)(b"")
        assert await asyncio.wait_for(again.code(), 10) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("path", [UNKNOWN, PREPARE])
async def test_64_mib_pass_each_way(short_folder: Path, path: str) -> None:
    async def answer(context: grpc.aio.ServicerContext) -> None:
        await context.write(await context.read())

    message = os.urandom(1024) * (64 * 1024)
    async with beside(short_folder) as (raw, _, channel):
        raw.answers[path] = answer
        assert await channel.unary_unary(path)(message) == message


async def test_the_socket_is_like_the_daemons(short_folder: Path) -> None:
    async with raw_server(short_folder / "s"):
        (short_folder / "s").chmod(0o660)
        if os.geteuid() == 0:
            os.chown(short_folder / "s", 12, 34)
        async with open_proxy(short_folder / "p", upstream=short_folder / "s", sink=lambda _: None):
            mine, theirs = (short_folder / "p").stat(), (short_folder / "s").stat()
        assert stat.S_IMODE(mine.st_mode) == 0o660
        assert (mine.st_uid, mine.st_gid) == (theirs.st_uid, theirs.st_gid)
    assert not (short_folder / "p").exists()


async def test_sockets_that_cannot_be(short_folder: Path) -> None:
    async def proxied(listen: Path, upstream: Path = short_folder / "s") -> None:
        async with open_proxy(listen, upstream=upstream, sink=lambda _: None):
            pass

    async with raw_server(short_folder / "s"):
        with pytest.raises(errors.UnusablePath, match="at most 107 bytes"):
            await proxied(short_folder / ("x" * 120))
        with pytest.raises(errors.UnusablePath, match="own socket"):
            await proxied(short_folder / "s")
        with pytest.raises(errors.UnusablePath, match="not there"):
            await proxied(short_folder / "p", short_folder / "nothing")
        (short_folder / "file").write_text("")
        with pytest.raises(errors.UnusablePath, match="is taken"):
            await proxied(short_folder / "file")
        assert (short_folder / "file").read_text() == ""


class Acting:
    """A hook that holds, refuses or loses the calls it is told to."""

    def __init__(self) -> None:
        self.held, self.go_on = asyncio.Event(), asyncio.Event()
        self.done: list[tuple[str, str]] = []

    async def before(self, call: PassingCall) -> Refusal | None:
        if call.method.endswith("/Hold"):
            self.held.set()
            await self.go_on.wait()
        if call.request.get("key") == "refused":
            return Refusal(grpc.StatusCode.UNAVAILABLE, "not carried out")
        return None

    def loses_answer(self, call: PassingCall) -> bool:
        return call.request.get("key") == "lost"

    async def after(self, call: PassingCall, status: str) -> None:
        self.done.append((str(call.request.get("key")), status))


async def test_a_hook_holds_refuses_and_loses(short_folder: Path) -> None:
    hook = Acting()
    calls: list[Call] = []
    async with beside(short_folder, calls.append, hook) as (_, _, channel):
        held = asyncio.ensure_future(channel.unary_unary("/a.B/Hold")(b"").code())
        await asyncio.wait_for(hook.held.wait(), 10)
        prepare = channel.unary_unary(PREPARE)
        for key, code in (
            (b"\x12\x07refused", grpc.StatusCode.UNAVAILABLE),
            (b"\x12\x04lost", grpc.StatusCode.UNAVAILABLE),
            (b"\x12\x04kept", grpc.StatusCode.OK),
        ):
            assert await prepare(key).code() is code
        assert not held.done(), "the others went on while it was held"
        assert hook.done == [("lost", "OK"), ("kept", "OK")]
        hook.go_on.set()
        assert await held is grpc.StatusCode.OK
    assert [call.status for call in calls] == ["UNAVAILABLE", "UNAVAILABLE", "OK", "OK"]


async def test_a_stopped_front_answers_nobody_until_it_goes_on(short_folder: Path) -> None:
    async with beside(short_folder) as (_, proxy, channel):
        ask = channel.unary_unary(UNKNOWN)
        await ask(b"")
        proxy.front.stop_answering()
        code = await ask(b"", timeout=0.3).code()
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        waiting = asyncio.ensure_future(ask(b"", timeout=10).code())
        proxy.front.answer_again()
        assert await waiting is grpc.StatusCode.OK


async def test_many_clients_at_once_and_a_log_of_all(short_folder: Path) -> None:
    """Every call of every client is in the table, and none twice."""

    async def life(client_number: int) -> None:
        async with connect(short_folder / "p", namespace=f"n{client_number}") as client:
            for number in range(20):
                await client.snapshots("overlayfs").prepare(
                    f"k{client_number}-{number}", parent="", lease=f"l{client_number}"
                )

    async with fake_containerd(short_folder / "s") as fake:
        with CallLog(short_folder / "out") as log:
            async with open_proxy(short_folder / "p", upstream=short_folder / "s", sink=log.append):
                await asyncio.gather(*map(life, range(8)))
                assert (short_folder / "out" / JOURNAL).exists()
        prepared = [call for call in fake.calls if call[0] == "Snapshots.Prepare"]
    calls = read_calls(short_folder / "out" / TABLE)
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    seen = [
        (call.name, call.request["key"], call.lease)
        for call in calls
        if call.name == "Snapshots.Prepare"
    ]
    assert sorted(seen) == sorted(prepared)
    assert len(prepared) == 160
    assert {call.ended_ns is not None and call.status == "OK" for call in calls} == {True}
    assert not (short_folder / "out" / JOURNAL).exists()
    with pytest.raises(errors.UnusablePath, match="cannot write"):
        CallLog(short_folder / "out" / TABLE).__enter__()
    with pytest.raises(errors.UnusablePath, match="recording already"):
        CallLog(short_folder / "out").__enter__()


@pytest.mark.daemon
@pytest.mark.slow
async def test_lifecycles_on_a_real_daemon_are_recorded_call_by_call() -> None:
    """As many calls of each kind as the client makes, eight containers at a time."""
    cost = await measure(48)
    assert cost.lifecycles == 48
    for name in ("Containers.Create", "Snapshots.Prepare", "Tasks.Create", "Tasks.Start"):
        assert cost.recorded[name] == 48, cost.text()
    for name in ("Tasks.Wait", "Tasks.Delete", "Snapshots.Remove", "Containers.Delete"):
        assert cost.recorded[name] == 48, cost.text()
    # The namespace that is there already.
    assert cost.recorded["not OK"] == 1
