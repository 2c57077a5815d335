"""Two network namespaces as two hosts with a cable between them, and processes in them.

Their addresses exist nowhere else. Whatever runs in one sees the host's own files and processes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from iluvatar_bench.host.kernel import netns

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace, its address, and the folder that its processes stand in."""

    name: str
    address: str
    namespace: Path
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        """The command as it is called from outside."""
        return [found("nsenter"), f"--net={self.namespace}", *arguments]

    def start(self, *arguments: str, log: Path, **changes: str) -> subprocess.Popen[str]:
        """A process of this interpreter in the namespace; it is ended with the host.

        ``changes`` are of its environment.
        """
        with log.open("a") as words:
            process = subprocess.Popen(
                self.command(sys.executable, *arguments),
                cwd=self.folder,
                env={**environment(), **changes},
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def found(program: str) -> str:
    """Where the program is, also for a process whose PATH is another."""
    path = shutil.which(program)
    assert path is not None, f"{program} is not installed"
    return path


def environment() -> Mapping[str, str]:
    """Of processes that stand elsewhere: the package is this source tree's."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Both hosts, for the length of the block; what runs in them is told to end after it."""
    token = secrets.token_hex(3)
    with ExitStack() as stack:
        hosts = []
        for name, address in (("a", "10.77.0.1"), ("b", "10.77.0.2")):
            home = folder / name
            home.mkdir()
            space = Path(f"/run/ilbt-{token}{name}")
            netns.create_namespace(space)
            stack.callback(netns.delete, space)
            host = Host(name, address, space, home)
            stack.callback(_end, host)
            hosts.append(host)
        one, other = hosts
        ends = [f"ilbt-{token}{host.name}" for host in hosts]
        # The pair is made inside, and goes with the namespaces.
        _ip(one, f"link add {ends[0]} type veth peer name {ends[1]} netns {other.namespace}")
        for host, end in zip(hosts, ends, strict=True):
            _ip(host, f"address add {host.address}/24 dev {end}")
            _ip(host, f"link set {end} up")
        yield one, other


def _ip(host: Host, words: str) -> None:
    subprocess.run(host.command(found("ip"), *words.split()), check=True, capture_output=True)


def _end(host: Host) -> None:
    # The last one first: a worker that is told to end while its scheduler ends may hang.
    for process in reversed(host.processes):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
