"""The plan for findings, and the lease that holds what is exposed until a client is changed."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil

import pytest

from iluvatar_bench.audit import Rule, fix_plan, rules
from iluvatar_bench.audit.fix_calls import CALLS
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from tests.audit.clients import RawWorker, audited, named
from tests.commands.test_audit_command import run


def all_rules() -> set[str]:
    """The names of the rules that the modules of the package define."""
    found = set()
    for module in pkgutil.iter_modules(rules.__path__):
        members = vars(importlib.import_module(f"{rules.__name__}.{module.name}")).values()
        found |= {member.name for member in members if isinstance(member, Rule)}
    return found


def test_every_rule_has_its_calls_and_no_other() -> None:
    assert set(CALLS) == all_rules()
    assert len(CALLS) > 20
    for name, calls in CALLS.items():
        assert calls.calls, name
        assert calls.ctr, name
        assert calls.meanwhile, name


@pytest.mark.daemon
async def test_a_hold_saves_the_containers_that_a_collection_would_have_broken(
    quiet_node: Node, image: ImportedImage
) -> None:
    """The same two containers: held, a collection harms neither; undone, it takes both files."""
    client, snapshots = quiet_node.client, quiet_node.client.snapshots("overlayfs")
    worker = RawWorker(node=quiet_node, image=image, own_cgroup=True)
    ids = [f"bad-{number}" for number in range(2)]
    for id in ids:
        await worker.create(id)
    await snapshots.prepare("left-over", parent=image.chain_id)
    plan = fix_plan(await audited(quiet_node))
    assert [str(one) for one in plan.exposed] == [f"iluvatar-bench/overlayfs:{id}" for id in ids]
    assert plan.holds == ()
    done = await run(quiet_node, "audit", "--fix-plan", "--apply")
    assert (done.returncode, done.stderr) == (3, "")
    # The plan alone, below the headline of the audit.
    assert done.stdout.splitlines()[1:3] == [
        "",
        "snapshot_not_named (iluvatar-bench: iluvatar_worker)",
    ]
    assert "stands for" not in done.stdout
    assert "  change     Containers.Create(snapshotter, snapshot_key = the key)" in done.stdout
    assert "exposed now: 2 snapshots" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("holds overlayfs:bad-0, overlayfs:bad-1")
    await client.leases.force_collection()
    held = await audited(quiet_node)
    assert named(held) == {"snapshot_held_by_lease_alone": 2}
    mounts = (held.state.host.root_mounts or {}).values()
    assert [mount.upper_exists for mount in mounts] == [True, True]
    # What nobody needs was not held.
    assert "left-over" not in {info.name for info in await snapshots.list()}
    listed = fix_plan(held)
    assert (len(listed.holds), listed.exposed) == (1, ())
    done = await run(quiet_node, "audit", "--fix-plan", "--undo", "--json")
    assert done.returncode == 3
    assert "holds overlayfs:bad-0" in json.loads(done.stdout)["fix_plan"]["holds"][0]
    assert done.stderr.startswith("deleted iluvatar-bench: lease iluvatar-bench-hold-")
    await client.leases.force_collection()
    assert named(await audited(quiet_node))["snapshot_gone_under_task"] == 2


@pytest.mark.daemon
async def test_what_the_options_ask_for_is_said(quiet_node: Node) -> None:
    for options, words in (
        (("--apply",), "--apply belongs to --fix-plan"),
        (("--undo",), "--undo belongs to --fix-plan"),
        (("--fix-plan", "--apply", "--undo"), "name one of them"),
    ):
        done = await run(quiet_node, "audit", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
    for option, words in (("--apply", "nothing to hold"), ("--undo", "nothing to undo")):
        done = await run(quiet_node, "audit", "--fix-plan", option)
        assert done.returncode == 0
        assert words in done.stdout


@pytest.mark.daemon
async def test_the_hold_by_hand_does_the_same(quiet_node: Node, image: ImportedImage) -> None:
    """ctr adds nothing to leases: a label holds the snapshot, and its removal ends that."""
    client, snapshots = quiet_node.client, quiet_node.client.snapshots("overlayfs")
    await RawWorker(node=quiet_node, image=image, own_cgroup=True).create("bad")
    (one,) = fix_plan(await audited(quiet_node)).exposed
    for command, there in ((one.by_hand, True), (one.undo_by_hand, False)):
        words = command.split()
        assert words[:3] == ["ctr", "-n", client.namespace]
        process = await asyncio.create_subprocess_exec(
            "ctr", "--address", str(quiet_node.address), *words[1:]
        )
        assert await process.wait() == 0
        await client.leases.force_collection()
        assert ("bad" in {info.name for info in await snapshots.list()}) is there
