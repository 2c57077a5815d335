"""What containerd answers by the state of a task: told in docs as it is on the installed one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuiltImage, daemon_with
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.studies.task_answers import OK, task_answers
from tools.task_answers import PAGE

pytestmark = [pytest.mark.daemon, pytest.mark.slow]


@pytest.fixture
async def node(quick_hello: BuiltImage) -> AsyncIterator[Node]:
    async with daemon_with([quick_hello], collector=QUIET_COLLECTOR) as node:
        yield node


async def test_the_installed_containerd_answers_as_the_page_says(
    node: Node, quick_hello: BuiltImage
) -> None:
    image = await import_layout(
        node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
    )
    version = (await node.client.introspection.version()).version
    told = {(one.state, one.call): one.answer for one in await task_answers(node, image)}
    assert told["image pruned_held", "a whole life"] == OK
    assert told["image pruned_unheld", "a whole life"].startswith("NotFound: ")
    assert told["image expired_held", "a whole life"] == OK
    assert told["no task", "Get"].startswith("NotFound: ")
    assert told["paused", "Exec, Start"].startswith("DaemonFault: ")
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    (header,) = [row for row in rows if row[0] == "| a task that is"]
    columns = [name.strip(" |") for name in header]
    if version in columns:
        at = columns.index(version)
        page = {
            (row[0].strip("| "), row[1]): row[at if "as before" not in row[at] else 2].strip(" |")
            for row in rows
            if (row[0].strip("| "), row[1]) in told
        }
        assert page == told
