from __future__ import annotations

import asyncio
import json
import signal
import threading
from pathlib import Path

import httpcore
import httpx
import pytest

from iluvatar_bench.errors import AddressRefused, UsageError
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.lifecycle.invocation import InvokeCause, open_invoker
from tests.support.networks import needs_root, own_settings, serving

HOST = NetworkSettings(mode=NetworkMode.HOST)

MODES = [
    NetworkMode.HOST,
    pytest.param(NetworkMode.LOOPBACK, marks=needs_root()),
    pytest.param(NetworkMode.BRIDGE, marks=needs_root(bridge=True)),
]


@pytest.mark.parametrize("mode", MODES)
async def test_a_function_is_pinged_and_invoked(mode: NetworkMode, short_folder: Path) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            ping = await invoker.ping(attachment, timeout_seconds=10)
            first = await invoker.invoke(attachment, {"name": "x"}, timeout_seconds=10)
            warm = await invoker.invoke(attachment, {"name": "y"}, timeout_seconds=10)
        await network.detach(attachment)
    assert (ping.ok, ping.status, ping.operation, ping.first) == (True, 200, "ping", False)
    assert (first.ok, first.status, first.first) == (True, 200, True)
    assert json.loads(first.body) == {"body": {"name": "x"}}
    assert first.response_bytes == len(first.body)
    assert 0 < first.duration_ms < 10_000
    assert (warm.ok, warm.first) == (True, False)
    assert warm.as_row()["cause"] is None


@pytest.mark.parametrize("mode", MODES)
async def test_eight_invocations_of_one_container_run_at_the_same_time(
    mode: NetworkMode, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            # The server answers none of them before all are there.
            invocations = await asyncio.gather(
                *(
                    invoker.invoke(attachment, {"do": "meet", "count": 8}, timeout_seconds=20)
                    for _ in range(8)
                )
            )
        await network.detach(attachment)
    assert all(invocation.ok for invocation in invocations)
    assert [invocation.first for invocation in invocations].count(True) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_nobody_listening_is_refused(mode: NetworkMode, short_folder: Path) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        outcome = await invoker.invoke(attachment, {}, timeout_seconds=10)
        await network.detach(attachment)
    assert outcome.cause is InvokeCause.REFUSED
    assert (outcome.status, outcome.response_bytes) == (None, None)


@pytest.mark.parametrize(
    ("do", "cause", "words"),
    [
        ("reset", InvokeCause.RESET, "sent, and no answer came"),
        ("close", InvokeCause.RESET, "sent, and no answer came"),
        ("half", InvokeCause.RESET, "the answer began and did not end"),
        ("half_chunked", InvokeCause.RESET, "the answer began and did not end"),
        ("half_head", InvokeCause.RESET, "sent, and no answer came"),
        ("garbage", InvokeCause.PROTOCOL, "not an HTTP answer"),
        ("much", InvokeCause.PROTOCOL, "larger than 16777216 bytes"),
        ("fail", InvokeCause.HTTP_ERROR, "HTTP 500: ValueError: no such thing"),
        ("redirect", InvokeCause.HTTP_ERROR, "HTTP 307"),
    ],
)
async def test_a_failure_is_an_outcome_with_its_cause(
    do: str, cause: InvokeCause, words: str
) -> None:
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            outcome = await invoker.invoke(attachment, {"do": do}, timeout_seconds=20)
            # The next one is none the worse for it.
            assert (await invoker.invoke(attachment, {}, timeout_seconds=20)).ok
    assert not outcome.ok
    assert outcome.cause is cause
    assert outcome.error is not None
    assert words in outcome.error
    assert (outcome.status is None) == (cause is not InvokeCause.HTTP_ERROR)


@pytest.mark.parametrize(
    ("do", "words"),
    [("hang", "sent, and no answer came"), ("drip", "the answer began and did not end")],
)
async def test_a_hanging_function_ends_at_the_deadline(do: str, words: str) -> None:
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            outcome = await invoker.invoke(attachment, {"do": do}, timeout_seconds=0.2)
    assert outcome.cause is InvokeCause.TIMEOUT
    assert outcome.error is not None
    assert words in outcome.error
    assert 200 <= outcome.duration_ms < 5000


async def test_a_process_killed_during_its_invocation_is_a_reset() -> None:
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment) as process:
            meeting = {"do": "meet", "count": 2}
            pending = asyncio.create_task(invoker.invoke(attachment, meeting, timeout_seconds=20))
            hanging = asyncio.create_task(
                invoker.invoke(attachment, {"do": "hang"}, timeout_seconds=20)
            )
            # The second one at the meeting proves that the server has had the first.
            assert (await invoker.invoke(attachment, meeting, timeout_seconds=20)).ok
            assert (await pending).ok
            process.send_signal(signal.SIGKILL)
            outcome = await hanging
        dead = await invoker.invoke(attachment, {}, timeout_seconds=20)
    assert outcome.cause in (InvokeCause.RESET, InvokeCause.REFUSED)
    assert dead.cause is InvokeCause.REFUSED


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_is_sent_after_the_address_was_given_back(
    mode: NetworkMode, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        await network.detach(attachment)
        with pytest.raises(AddressRefused, match="no request was sent"):
            await invoker.invoke(attachment, {}, timeout_seconds=1)


async def test_nothing_is_sent_to_an_attachment_of_another_network() -> None:
    async with open_network(HOST) as one, open_network(HOST) as other:
        attachment = await one.attach()
        async with open_invoker(other.book) as invoker:
            with pytest.raises(AddressRefused, match="has not assigned it"):
                await invoker.ping(attachment, timeout_seconds=1)


@pytest.mark.parametrize("mode", MODES[1:])
async def test_nothing_is_sent_when_the_namespace_is_gone(
    mode: NetworkMode, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        assert attachment.namespace is not None
        netns.delete(attachment.namespace)
        with pytest.raises(AddressRefused, match="its network namespace is gone"):
            await invoker.ping(attachment, timeout_seconds=1)
        await network.detach(attachment)


@pytest.mark.parametrize("mode", MODES[2:])
async def test_without_its_bridge_nothing_is_sent_another_way(
    mode: NetworkMode, short_folder: Path
) -> None:
    settings = own_settings(short_folder / "net", mode)
    async with open_network(settings) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        bridge.remove_bridge(settings.bridge)
        # The host's default route would take it; the connection is bound to the bridge.
        outcome = await invoker.invoke(attachment, {}, timeout_seconds=10)
        await network.detach(attachment)
    assert outcome.cause is InvokeCause.UNREACHABLE
    assert outcome.error is not None
    assert "No such device" in outcome.error


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            assert (await invoker.ping(attachment, timeout_seconds=20)).ok


async def test_a_cancelled_invocation_leaves_no_thread_and_no_socket(short_folder: Path) -> None:
    # An unclosed socket is a ResourceWarning, and warnings are errors here.
    before = set(threading.enumerate())
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with serving(attachment):
            args = {"do": "hang"}
            pending = asyncio.create_task(invoker.invoke(attachment, args, timeout_seconds=20))
            assert (await invoker.ping(attachment, timeout_seconds=20)).ok
            pending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pending
    # One of before may have ended: gRPC has one for as long as any object of its is left.
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
async def test_an_impossible_timeout_is_refused(seconds: float) -> None:
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with pytest.raises(UsageError, match="timeout"):
            await invoker.ping(attachment, timeout_seconds=seconds)


async def test_arguments_that_are_not_json_are_refused() -> None:
    async with open_network(HOST) as network, open_invoker(network.book) as invoker:
        attachment = await network.attach()
        with pytest.raises(UsageError, match="must be JSON"):
            await invoker.invoke(attachment, {"x": object()}, timeout_seconds=1)


def test_every_error_of_httpcore_has_its_namesake_in_httpx() -> None:
    caught = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
    for name in httpcore.__all__:
        error = getattr(httpcore, name)
        if isinstance(error, type) and issubclass(error, caught):
            assert issubclass(getattr(httpx, name), httpx.TransportError), name
