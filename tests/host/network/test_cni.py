"""The CNI protocol, against plugins that are scripts: what a plugin may answer, and what not."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from iluvatar_bench.errors import MissingProgram, NetworkError, PluginFailed, PluginMisbehaved
from iluvatar_bench.host.doctor import check_host
from iluvatar_bench.host.facts import cni_facts, plugin_homes
from iluvatar_bench.host.network.cni import (
    VERSIONS,
    Endpoint,
    Interface,
    Plugin,
    best_version,
    find_plugins,
)
from tests.support.loop_clock import set_ahead

ENDPOINT = Endpoint("ilb-x-1", Path("/run/netns/x"))

# https://github.com/containernetworking/cni/blob/spec-v1.0.0/SPEC.md#success
SUCCESS = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "cni0", "mac": "00:11:22:33:44:55"},
        {"name": "veth3243", "mac": "55:44:33:22:11:11"},
        {"name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue"},
    ],
    "ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2}],
    "routes": [{"dst": "0.0.0.0/0"}],
    "dns": {"nameservers": ["10.1.0.1"]},
}


def plugin_that(folder: Path, body: str, *, version: str = "1.0.0", seconds: float = 30) -> Plugin:
    """A plugin whose program is a Python script; ``log`` keeps its environments and inputs."""
    program = folder / "fake"
    program.write_text(
        f"#!{sys.executable} -SE\n"
        "import json, os, sys, time\n"
        "config = json.load(sys.stdin)\n"
        f"with open({str(folder / 'log')!r}, 'a') as log:\n"
        "    record = {k: v for k, v in os.environ.items() if k.startswith('CNI_')}\n"
        "    log.write(json.dumps([record, config]) + '\\n')\n" + textwrap.dedent(body)
    )
    program.chmod(0o755)
    return Plugin(program, {"cniVersion": version, "name": "n"}, homes=[folder], seconds=seconds)


def calls(folder: Path) -> list[tuple[dict[str, str], dict[str, object]]]:
    return [tuple(json.loads(line)) for line in (folder / "log").read_text().splitlines()]


async def test_a_result_is_parsed(tmp_path: Path) -> None:
    plugin = plugin_that(tmp_path, f"print(json.dumps({SUCCESS!r}))")
    result = await plugin.add(ENDPOINT)
    assert result.addresses[0].address == ip_interface("10.1.0.5/16")
    assert result.addresses[0].gateway == ip_address("10.1.0.1")
    assert result.interfaces[0] == Interface("cni0", "00:11:22:33:44:55", None)
    assert result.interfaces[2].sandbox == "/var/run/netns/blue"
    assert result.document == SUCCESS
    environment, config = calls(tmp_path)[0]
    assert environment == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "ilb-x-1",
        "CNI_NETNS": "/run/netns/x",
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(tmp_path),
    }
    assert config == {"cniVersion": "1.0.0", "name": "n"}


async def test_check_and_delete_pass_the_result_on(tmp_path: Path) -> None:
    plugin = plugin_that(
        tmp_path, f"os.environ['CNI_COMMAND'] == 'ADD' and print(json.dumps({SUCCESS!r}))"
    )
    result = await plugin.add(ENDPOINT)
    await plugin.check(ENDPOINT, result)
    await plugin.delete(ENDPOINT, result)
    await plugin.delete(Endpoint("ilb-x-1", None))
    commands = [environment["CNI_COMMAND"] for environment, _ in calls(tmp_path)]
    assert commands == ["ADD", "CHECK", "DEL", "DEL"]
    previous = [config.get("prevResult") for _, config in calls(tmp_path)]
    assert previous == [None, SUCCESS, SUCCESS, None]
    assert calls(tmp_path)[-1][0]["CNI_NETNS"] == ""


async def test_a_version_without_check_says_so(tmp_path: Path) -> None:
    plugin = plugin_that(tmp_path, f"print(json.dumps({SUCCESS!r}))", version="0.3.1")
    assert not plugin.checks
    result = await plugin.add(ENDPOINT)
    with pytest.raises(NetworkError, match=r"CNI version 0\.3\.1 has no CHECK"):
        await plugin.check(ENDPOINT, result)
    await plugin.delete(ENDPOINT, result)
    assert "prevResult" not in calls(tmp_path)[-1][1]


async def test_an_error_document_becomes_an_exception_with_code_and_message(
    tmp_path: Path,
) -> None:
    document = {"cniVersion": "1.0.0", "code": 7, "msg": "Invalid", "details": "no such field"}
    plugin = plugin_that(tmp_path, f"print(json.dumps({document!r})); sys.exit(1)")
    with pytest.raises(PluginFailed) as caught:
        await plugin.add(ENDPOINT)
    assert caught.value.code == 7
    assert caught.value.detail == "Invalid: no such field"
    assert str(caught.value) == (
        "CNI ADD of ilb-x-1 by plugin fake: Invalid: no such field (code 7)"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('what?'); sys.exit(1)", "ended with status 1: what?"),
        ("sys.stderr.write('panic: oh'); sys.exit(2)", "ended with status 2: panic: oh"),
        ("sys.exit(3)", r"ended with status 3: \(it said nothing\)"),
        ("print('what?')", "ended with status 0: what?"),
        ("print('[1]')", r"ended with status 0: \[1\]"),
        ("print('{}')", "something that is not a result"),
        ("pass", "something that is not a result"),
        ('print(\'{"ips": [{"address": "nowhere"}]}\')', "not a result: .*nowhere"),
        ("os.kill(os.getpid(), 9)", "ended with status -9"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_named(
    tmp_path: Path, body: str, words: str
) -> None:
    with pytest.raises(PluginMisbehaved, match=words):
        await plugin_that(tmp_path, body).add(ENDPOINT)


async def test_a_hanging_plugin_is_ended_with_the_plugins_it_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    body = f"""
    child = os.fork()
    if child:
        with open({str(pids)!r}, "w") as file:
            file.write(f"{{os.getpid()}} {{child}}")
    time.sleep(600)
    """
    call = asyncio.create_task(plugin_that(tmp_path, body, seconds=300).add(ENDPOINT))
    hanging = (await asyncio.to_thread(pids.read_text)).split()
    assert not call.done()
    set_ahead(monkeypatch, seconds=300)
    with pytest.raises(PluginMisbehaved, match="did not end within 300 s"):
        await call
    assert len(hanging) == 2
    for pid in hanging:
        await wait_ended(int(pid))


async def test_a_cancelled_call_ends_the_plugin(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    body = f"""
    with open({str(fifo)!r}, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)
    """
    call = asyncio.create_task(plugin_that(tmp_path, body).add(ENDPOINT))
    pid = int(await asyncio.to_thread(fifo.read_text))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await wait_ended(pid)


async def wait_ended(pid: int) -> None:
    """Wait for a killed process, which somebody else reaps."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize(
    ("theirs", "chosen"),
    [(["0.2.0", "0.4.0", "1.0.0", "1.1.0"], "1.0.0"), (["0.3.0", "0.3.1"], "0.3.1")],
)
async def test_the_best_common_version_is_chosen(
    tmp_path: Path, theirs: list[str], chosen: str
) -> None:
    plugin = plugin_that(tmp_path, f"print(json.dumps({{'supportedVersions': {theirs!r}}}))")
    assert await best_version(plugin) == chosen
    assert calls(tmp_path)[0][1]["cniVersion"] == VERSIONS[0]


async def test_no_common_version_is_said(tmp_path: Path) -> None:
    plugin = plugin_that(tmp_path, "print(json.dumps({'supportedVersions': ['9.0.0']}))")
    with pytest.raises(PluginMisbehaved, match=r"speaks versions 9\.0\.0; this program speaks 1"):
        await best_version(plugin)


def test_a_missing_plugin_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingProgram) as caught:
        find_plugins([tmp_path], "bridge")
    assert "CNI plugin bridge is not installed" in str(caught.value)
    assert "apt-get install containernetworking-plugins" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_doctor_and_facts_look_where_a_run_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "bridge"
    monkeypatch.setenv("CNI_PATH", str(tmp_path))
    (check,) = [check for check in check_host() if check.name == "CNI plugins"]
    assert not check.ok
    assert f"looked in {tmp_path}" in check.found
    plugin.write_text("#!/bin/sh\necho 'CNI bridge plugin v9.9'\n")
    plugin.chmod(0o755)
    (check,) = [check for check in check_host() if check.name == "CNI plugins"]
    assert check.ok
    assert check.found == f"{tmp_path}: CNI bridge plugin v9.9"
    assert cni_facts() == {"home": str(tmp_path), "bridge": "CNI bridge plugin v9.9"}


def test_the_folders_are_those_configured_then_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNI_PATH", "/a:/b")
    assert plugin_homes() == (Path("/a"), Path("/b"))
    assert plugin_homes([tmp_path]) == (tmp_path,)
    monkeypatch.delenv("CNI_PATH")
    assert Path("/opt/cni/bin") in plugin_homes()
