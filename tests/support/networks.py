"""What the tests of networks share: settings of their own, and a server to put into a namespace."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from iluvatar_bench.host import facts
from iluvatar_bench.host.kernel import netns
from iluvatar_bench.host.network.attachment import Attachment, NetworkMode, NetworkSettings

SERVER = Path(__file__).with_name("agent_double.py")


def _lacking(*, bridge: bool) -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    if bridge and facts.cni_home() is None:
        return "needs CNI plugins"
    if bridge and shutil.which("ip") is None:
        return "needs iproute2"
    return None


def needs_root(*, bridge: bool = False) -> list[pytest.MarkDecorator]:
    """Marks for a test that makes namespaces, and perhaps a bridge."""
    lacking = _lacking(bridge=bridge)
    return [pytest.mark.root, pytest.mark.skipif(lacking is not None, reason=lacking or "")]


def own_settings(home: Path, mode: NetworkMode, *, prefix: int = 28) -> NetworkSettings:
    """Settings that no other test, and nothing else on this host, has at the same time."""
    name = secrets.token_hex(4)
    return NetworkSettings(
        mode=mode,
        bridge=f"ilbt{name}",
        subnet=IPv4Network(f"10.213.{int(name[:2], 16)}.0/{prefix}"),
        home=home,
    )


def in_namespace(attachment: Attachment, *command: str) -> str:
    """What a command prints when it runs in the attachment's namespace."""
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
    assert attachment.namespace is not None
    return netns.run_inside(attachment.namespace, run).stdout


@contextmanager
def serving(attachment: Attachment) -> Iterator[subprocess.Popen[str]]:
    """A server at the attachment's address, in its namespace, for the length of a block."""
    start = partial(
        subprocess.Popen,
        [sys.executable, str(SERVER), attachment.address, str(attachment.port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    # A child is born into the namespace of the thread that makes it.
    if attachment.namespace is None:
        process = start()
    else:
        process = netns.run_inside(attachment.namespace, start)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
