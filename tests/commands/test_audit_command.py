"""The audit commands as a user meets them: exit codes, a table, JSON, a profile to go on with."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.profiles import PRESETS, resolve_profile
from tests.audit.clients import RawWorker
from tests.support.command import command

pytestmark = pytest.mark.daemon


async def run(node: Node, *arguments: str) -> Any:
    """A command beside this process's own event loop.

    With a namespace the host's networks are not judged: other tests have some at the same time.
    """
    own = ("--address", str(node.address), "--namespace", node.client.namespace)
    return await asyncio.to_thread(command, *arguments, *own)


async def test_exit_codes_table_json_and_profile(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    done = await run(quiet_node, "audit")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith(": no container was there to look at")
    worker = RawWorker(node=quiet_node, image=image)
    for number in range(2):
        await worker.create(f"hello-{number}")
    done = await run(quiet_node, "audit")
    assert (done.returncode, done.stderr) == (3, "")
    assert "2 findings" in done.stdout.splitlines()[0]
    assert "fix         Set `snapshotter` and `snapshot_key`" in done.stdout
    assert "2 of them are in use right now" in done.stdout
    assert "nearest preset: iluvatar-2022-07" in done.stdout
    done = await run(quiet_node, "audit", "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert [found["rule"] for found in document["findings"]] == [
        "snapshot_not_named",
        "cgroup_shared",
    ]
    assert document["next_collection"] == {"active_snapshots": 2, "in_use": 2}
    for suffix in ("toml", "json"):
        file = tmp_path / f"mine.{suffix}"
        assert (await run(quiet_node, "audit", "--save-profile", str(file))).returncode == 3
        profile = resolve_profile(str(file))
        assert profile.name == "iluvatar-worker-observed"
        # What left no trace is as in the preset that what was seen is nearest to.
        assert profile.factors == PRESETS["iluvatar-2022-07"].factors
    text = (tmp_path / "mine.toml").read_text()
    assert "assumed, as in\n# iluvatar-2022-07, the preset nearest to what was seen.\n" in text
    assert 'cgroup = "shared"  # seen 2 of 2\n' in text
    assert 'kill = "all"  # assumed: no trace of it, as in iluvatar-2022-07\n' in text
    assert "# seen 2 of 2; or lease_short, or lease_pruned: no trace tells" in text
    done = await run(quiet_node, "audit", "--save-profile", str(tmp_path / "x.toml"), "--client=x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such client" in done.stderr
    assert "iluvatar_worker" in done.stderr


async def test_explain_live_as_text_and_page(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    worker = RawWorker(node=quiet_node, image=image)
    for number in range(2):
        await worker.create(f"hello-{number}")
    done = await run(quiet_node, "explain", "--live", "hello-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 things can fail this container." in done.stdout
    assert "--set snapshot_reference=lease" in done.stdout
    assert "overlayfs:hello-1, which the record does not name" in done.stdout
    page = tmp_path / "page.html"
    done = await run(quiet_node, "explain", "--live", "hello-1", "--html", str(page))
    assert done.stdout.strip() == str(page)
    assert "<svg" in page.read_text()


async def test_a_watch_on_the_terminal_ends_with_ctrl_c(
    quiet_node: Node, image: ImportedImage
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from iluvatar_bench.commands.app import main; main()",
        *("audit", "--watch", "--address", str(quiet_node.address)),
        *("--namespace", quiet_node.client.namespace),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    while b"watching" not in await process.stdout.readline():
        assert process.returncode is None
    worker = RawWorker(node=quiet_node, image=image)
    line = asyncio.ensure_future(process.stdout.readline())
    number = 0
    while not line.done():
        await quiet_node.client.containers.create(worker.record(f"new-{number}"))
        number += 1
        await asyncio.wait((line,), timeout=0.1)
    assert b"iluvatar-bench/new-" in line.result()
    assert b"snapshot_not_named" in line.result()
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (3, b"")


async def test_low_findings_alone_are_no_failure_and_all_objects_are_named_on_demand(
    quiet_node: Node, image: ImportedImage
) -> None:
    client = quiet_node.client
    worker = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    for number in range(5):
        await client.snapshots("overlayfs").prepare(f"idle-{number}", parent=image.chain_id)
        await client.containers.create(worker.record(f"idle-{number}"))
    done = await run(quiet_node, "audit", "--grace", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "LOW" in done.stdout
    assert "stands for  untidy" in done.stdout
    assert "client      iluvatar-bench: iluvatar_worker" in done.stdout
    assert "idle-4" not in done.stdout
    strict = await run(quiet_node, "audit", "--grace", "0", "--strict", "--all")
    assert strict.returncode == 3
    assert "idle-4" in strict.stdout


async def test_with_several_clients_the_audit_is_printed_and_a_file_each_is_offered(
    quiet_node: Node, image: ImportedImage, tmp_path: Path
) -> None:
    client = quiet_node.client
    worker = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    for id, labels in (("a", {"owner": "one worker"}), ("b", {"owner": "two"})):
        await client.snapshots("overlayfs").prepare(id, parent=image.chain_id)
        await client.containers.create(worker.record(id, labels=labels))
    file = tmp_path / "mine.toml"
    done = await run(quiet_node, "audit", "--save-profile", str(file))
    assert done.returncode == 2
    assert "client one worker in iluvatar-bench: 1 container," in done.stdout
    offers = f"--client 'one worker' --save-profile {tmp_path}/mine-one-worker.toml"
    assert offers in done.stderr
    assert not file.exists()
    done = await run(quiet_node, "audit", "--save-profile", str(file), "--client", "two")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"profile of two: {file}; assumed as in guarded: " in done.stdout
    done = await run(quiet_node, "audit", "--client", "two")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--save-profile" in done.stderr


async def test_addresses_as_containerd_and_ctr_write_them(
    quiet_node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(quiet_node.address)
    done = await asyncio.to_thread(command, "audit", "--address", f"unix://{address}")
    assert f"at {address} " in done.stdout
    monkeypatch.setenv("CONTAINERD_ADDRESS", address)
    done = await asyncio.to_thread(command, "audit", "--json")
    assert json.loads(done.stdout)["address"] == address
    done = await asyncio.to_thread(command, "audit", "--address", f"{address}.ttrpc")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"its clients use {address}" in done.stderr


async def test_explain_finds_a_container_by_what_people_call_it(
    quiet_node: Node, image: ImportedImage
) -> None:
    client = quiet_node.client
    worker = RawWorker(node=quiet_node, image=image, named_snapshot=True, own_cgroup=True)
    for id, labels in (("abc1", {"nerdctl/name": "web"}), ("abd2", {})):
        await client.snapshots("overlayfs").prepare(id, parent=image.chain_id)
        await client.containers.create(worker.record(id, labels=labels))
    for name, found in (("abc", "abc1"), ("web", "abc1"), ("iluvatar-bench/abd", "abd2")):
        done = await run(quiet_node, "explain", "--live", name)
        assert done.returncode == 0
        assert f"Container iluvatar-bench/{found}, now" in done.stdout
    done = await run(quiet_node, "explain", "--live", "ab")
    assert done.returncode == 2
    assert "several containers are called 'ab': iluvatar-bench/abc1, iluvatar-bench/abd2" in (
        done.stderr
    )
