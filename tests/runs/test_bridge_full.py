"""The kernel's limit of ports of a bridge, met for real, in a network namespace of the test's."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.kernel import netns
from tests.support.full_bridge import PORTS
from tests.support.networks import needs_root

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.daemon, *needs_root(bridge=True)]


def test_a_full_bridge_is_a_network_failure_and_works_again_with_a_free_port(
    quick_hello: BuiltImage, short_folder: Path
) -> None:
    namespace = short_folder / "ns"
    home = short_folder / "net"
    netns.create_namespace(namespace)
    try:
        child = partial(
            subprocess.run,
            [sys.executable, "-m", "tests.support.full_bridge", str(quick_hello.layout), str(home)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        # A child is born into the namespace of the thread that makes it.
        done = netns.run_inside(namespace, child)
    finally:
        netns.delete(namespace)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    refused, again = found["trials"]
    assert (refused["bug_class"], refused["mechanism"]) == ("network", "bridge_full")
    assert refused["failed_step"] == "network"
    assert "exchange full" in refused["error"]
    # What had been made before the kernel's refusal is gone, the address included.
    assert (found["taken"], found["ports_after"], found["left"]) == (PORTS, PORTS, [])
    assert again["outcome"] == "ok", again["error"]
    assert not home.exists()
