from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from iluvatar_bench.bugs.symptom import error_symptom
from iluvatar_bench.errors import (
    MissingProgram,
    NetworkConflict,
    PluginFailed,
    PluginMisbehaved,
)
from iluvatar_bench.host.facts import CNI_HOMES
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network import bridge
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.bridge_use import BridgePlace, gateway
from iluvatar_bench.host.network.network_residue import holdings, remove_abandoned
from iluvatar_bench.host.network.networks import open_network
from tests.support.loop_clock import set_ahead
from tests.support.networks import in_namespace, needs_root, own_settings

pytestmark = needs_root(bridge=True)


def bridged(home: Path, *, prefix: int = 28) -> NetworkSettings:
    return own_settings(home / "net", NetworkMode.BRIDGE, prefix=prefix)


async def test_an_attachment_has_an_address_and_leaves_nothing(short_folder: Path) -> None:
    settings = bridged(short_folder)
    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    async with open_network(settings) as network:
        attachment = await network.attach()
        assert attachment.namespace is not None
        assert IPv4Address(attachment.address) in settings.subnet
        assert f"inet {attachment.address}/28" in in_namespace(attachment, "ip", "-4", "address")
        # A route to the bridge's range, and to nowhere else.
        routes = in_namespace(attachment, "ip", "-4", "route").splitlines()
        assert [line.split()[0] for line in routes] == [str(settings.subnet)]
        await network.check(attachment)
        held = holdings(settings.home)
        assert held.namespaces == (attachment.id,)
        assert held.bridges == (settings.bridge,)
        assert len(held.bridge_ports) == 1
        assert held.addresses == (attachment.address,)
        await network.detach(attachment)
        await network.detach(attachment)
        held = holdings(settings.home)
        assert (held.namespaces, held.bridge_ports, held.addresses) == ((), (), ())
        assert not netns.exists_namespace(attachment.namespace)
    assert not holdings(settings.home)
    assert not settings.home.exists()
    assert not bridge.exists_bridge(settings.bridge)
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == forwarding


async def test_check_says_what_is_missing(short_folder: Path) -> None:
    async with open_network(bridged(short_folder)) as network:
        attachment = await network.attach()
        in_namespace(attachment, "ip", "link", "delete", "eth0")
        with pytest.raises(PluginFailed, match=r"CNI CHECK of ilb-.*eth0"):
            await network.check(attachment)
        await network.detach(attachment)


async def test_an_exhausted_range_is_named_and_works_again_after_a_release(
    short_folder: Path,
) -> None:
    settings = bridged(short_folder, prefix=29)
    async with open_network(settings) as network, AsyncExitStack() as stack:
        attachments = [await network.attach() for _ in range(5)]
        for attachment in attachments[1:]:
            stack.push_async_callback(network.detach, attachment)
        with pytest.raises(PluginFailed) as caught:
            await network.attach()
        base = settings.subnet.network_address
        assert f"no IP addresses available in range set: {base + 1}-{base + 6}" in str(caught.value)
        assert caught.value.code == 11 or caught.value.code >= 100
        assert error_symptom(str(caught.value)) == "network"
        # The failed one has left nothing.
        assert len(holdings(settings.home).namespaces) == 5
        await network.detach(attachments[0])
        again = await network.attach()
        assert again.address == attachments[0].address
        await network.detach(again)


async def test_a_cancelled_attachment_leaves_nothing(short_folder: Path) -> None:
    settings = bridged(short_folder)
    async with open_network(settings) as network:
        # Cancelled after a growing number of steps of the event loop, wherever that is.
        for turns in (0, 1, 2, 5, 20, 100, 400):
            attempt = asyncio.create_task(network.attach())
            for _ in range(turns):
                await asyncio.sleep(0)
            attempt.cancel()
            [outcome] = await asyncio.gather(attempt, return_exceptions=True)
            if not isinstance(outcome, BaseException):
                await network.detach(outcome)
            held = holdings(settings.home)
            assert (held.namespaces, held.addresses, held.bridge_ports) == ((), (), ())


async def test_a_plugin_that_hangs_is_undone_with_the_plugin_that_does_not(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes, attached = short_folder / "plugins", short_folder / "attached"
    os.mkfifo(attached)
    homes.mkdir()
    real = next(home for home in CNI_HOMES if (home / "bridge").exists())
    (homes / "host-local").symlink_to(real / "host-local")
    (homes / "bridge").write_text(
        f"#!/bin/sh\n{real}/bridge || exit\n[ $CNI_COMMAND = ADD ] || exit 0\n"
        f"echo > {attached}\nexec sleep 600\n"
    )
    (homes / "bridge").chmod(0o755)
    settings = dataclasses.replace(bridged(short_folder), homes=(homes,), plugin_seconds=300.0)
    async with open_network(settings) as network:
        call = asyncio.create_task(network.attach())
        await asyncio.to_thread(attached.read_text)
        held = holdings(settings.home)
        assert [len(what) for what in (held.namespaces, held.addresses)] == [1, 1]
        set_ahead(monkeypatch, seconds=300)
        with pytest.raises(PluginMisbehaved, match="did not end within 300 s"):
            await call
        held = holdings(settings.home)
        assert (held.namespaces, held.addresses, held.bridge_ports) == ((), (), ())


async def test_a_bridge_is_shared_and_the_last_user_removes_it(short_folder: Path) -> None:
    settings = bridged(short_folder)
    async with open_network(settings) as one:
        async with open_network(settings) as other:
            here, there = await one.attach(), await other.attach()
            assert here.address != there.address
            await other.detach(there)
        assert bridge.addresses(settings.bridge)
        await one.check(here)
        await one.detach(here)
        taken = dataclasses.replace(settings, subnet=IPv4Network("10.214.0.0/28"))
        with pytest.raises(NetworkConflict, match=f"{settings.bridge} is in use with subnet 10"):
            async with open_network(taken):
                pass
    assert not bridge.exists_bridge(settings.bridge)


async def test_a_subnet_in_use_is_refused_in_one_line(short_folder: Path) -> None:
    settings = bridged(short_folder)
    other = bridged(short_folder)
    async with open_network(settings):
        taken = dataclasses.replace(other, subnet=settings.subnet.supernet())
        with pytest.raises(NetworkConflict) as caught:
            async with open_network(taken):
                pass
        assert str(caught.value) == (
            f"subnet {taken.subnet} is in use on this host (address "
            f"{settings.subnet.network_address + 1}/28 of {settings.bridge}); choose another subnet"
        )
        assert not bridge.exists_bridge(other.bridge)
        assert bridge.exists_bridge(settings.bridge)
    loopback = dataclasses.replace(other, subnet=IPv4Network("127.0.0.0/16"))
    with pytest.raises(NetworkConflict, match=r"127\.0\.0\.1/8 of lo"):
        async with open_network(loopback):
            pass
    assert not settings.home.exists()


async def test_a_bridge_of_somebody_else_is_not_touched(short_folder: Path) -> None:
    settings = bridged(short_folder)
    bridge.create_bridge(settings.bridge, gateway(settings.subnet))
    try:
        with pytest.raises(NetworkConflict, match="exists and is not ours"):
            async with open_network(settings):
                pass
        assert bridge.exists_bridge(settings.bridge)
    finally:
        bridge.remove_bridge(settings.bridge)


async def test_a_missing_plugin_leaves_nothing(short_folder: Path) -> None:
    settings = dataclasses.replace(bridged(short_folder), homes=(short_folder,))
    with pytest.raises(MissingProgram, match="CNI plugin bridge is not installed"):
        async with open_network(settings):
            pass
    assert not settings.home.exists()


HOLD_THREE = """
import asyncio, sys
from ipaddress import IPv4Network
from pathlib import Path
from iluvatar_bench.host.network.attachment import NetworkSettings
from iluvatar_bench.host.network.networks import open_network

async def main():
    settings = NetworkSettings(
        bridge=sys.argv[1], subnet=IPv4Network(sys.argv[2]), home=Path(sys.argv[3]))
    async with open_network(settings) as network:
        print(*[(await network.attach()).id for _ in range(3)], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def holder_of_three(settings: NetworkSettings) -> tuple[subprocess.Popen[str], list[str]]:
    """Another process that uses the network, and its namespaces."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", HOLD_THREE),
            *(settings.bridge, str(settings.subnet), str(settings.home)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    names = process.stdout.readline().split()
    process.stdout.close()
    return process, names


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def test_what_a_killed_process_left_is_removed_and_the_living_ones_is_not(
    short_folder: Path,
) -> None:
    settings = bridged(short_folder)
    process, names = await asyncio.to_thread(holder_of_three, settings)
    async with open_network(settings) as network:
        living = await network.attach()
        assert await remove_abandoned(settings.home) == ()
        assert set(holdings(settings.home).namespaces) == {living.id, *names}
        kill(process)
        assert len(holdings(settings.home).addresses) == 4
        assert await remove_abandoned(settings.home) == ()
        held = holdings(settings.home)
        assert held.namespaces == (living.id,)
        assert held.addresses == (living.address,)
        assert len(held.bridge_ports) == 1
        await network.check(living)
        await network.detach(living)
    assert not settings.home.exists()


async def test_nothing_is_left_when_the_only_user_was_killed(short_folder: Path) -> None:
    settings = bridged(short_folder)
    process, names = await asyncio.to_thread(holder_of_three, settings)
    kill(process)
    assert set(holdings(settings.home).namespaces) == set(names)
    assert await remove_abandoned(settings.home) == ()
    assert not settings.home.exists()
    assert not bridge.exists_bridge(settings.bridge)
    assert await remove_abandoned(settings.home) == ()


async def test_what_could_not_be_removed_is_said_and_found_again(short_folder: Path) -> None:
    settings = bridged(short_folder)
    process, _names = await asyncio.to_thread(holder_of_three, settings)
    async with open_network(settings):
        kill(process)
        problems = await remove_abandoned(settings.home, homes=[short_folder])
        assert len(problems) == 3
        assert all("CNI plugin bridge is not installed" in problem for problem in problems)
        assert len(holdings(settings.home).addresses) == 3
        assert await remove_abandoned(settings.home) == ()
        assert holdings(settings.home).addresses == ()
    assert not settings.home.exists()


async def test_a_bridge_that_somebody_else_is_removing_is_no_problem(short_folder: Path) -> None:
    """Its configuration goes first, and its addresses with it."""
    settings = bridged(short_folder)
    process, _names = await asyncio.to_thread(holder_of_three, settings)
    kill(process)
    BridgePlace.of(settings).config.unlink()
    assert await remove_abandoned(settings.home) == ()
    assert not settings.home.exists()
    bridge.remove_bridge(settings.bridge)


async def test_the_next_user_is_not_disturbed_by_what_a_killed_one_left(short_folder: Path) -> None:
    settings = bridged(short_folder, prefix=29)
    for _ in range(2):
        process, _names = await asyncio.to_thread(holder_of_three, settings)
        kill(process)
    async with open_network(settings) as network:
        for attachment in [await network.attach() for _ in range(5)]:
            await network.detach(attachment)
    assert await remove_abandoned(settings.home) == ()
    assert not settings.home.exists()
