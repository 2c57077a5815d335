"""The clients that a check knows by name: how each is called, and what it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.clients.check.client_command import ClientCommand
from iluvatar_bench.clients.known.dockerd_program import dockerd_program
from iluvatar_bench.containerd.services.pods import NAMESPACE as PODS_NAMESPACE
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import host_facts, package_versions, program_version
from iluvatar_bench.profiles import PRESETS

NAMESPACE = "check"

_SMALL_IMAGE = "{python} -m iluvatar_bench.clients.known.small_image check/{id}:1 {stdout}.tar"
"""Its content is each run's own."""

_PYTHON = ("python3", "-S", "-E", "-c")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """A client with all that a check needs of it."""

    name: str
    about: str
    """What it is, in a few words."""
    argv: tuple[str, ...]
    setup: str | None = None
    assertion: str | None = None
    together: bool = True
    """Whether several runs of it may go on at the same time: not where they share a cgroup, whose
    processes each run's Kill ends, or a name that one of them locks."""
    pods: bool = False
    """Whether it speaks to the CRI plugin."""
    program: Callable[[], str] | None = None
    """Whose version it has; None: it is ours. It raises UsageError where the host has not got it.
    """

    @property
    def command(self) -> ClientCommand:
        """How a check calls it.

        Raises:
            UsageError: the program is not on this host.
        """
        if self.program is not None:
            self.program()
        return ClientCommand(
            argv=self.argv,
            namespace=PODS_NAMESPACE if self.pods else NAMESPACE,
            setup=self.setup,
            assertion=self.assertion,
        )

    def version(self) -> str:
        """Whose version it is, and which."""
        if self.program is not None:
            program = self.program()
            return program_version(program, "--version") or f"{program}, not installed"
        return f"iluvatar-bench {package_versions()['iluvatar-bench']}"

    def as_manifest(self) -> dict[str, Any]:
        """What a check's manifest says of the client and of the host that it was checked on."""
        return {
            "known": {"name": self.name, "about": self.about, "version": self.version()},
            "host": host_facts(),
        }


def find_known(name: str) -> KnownClient:
    """The client of this name.

    Raises:
        UsageError: there is none; the message says which there are.
    """
    if name not in KNOWN:
        close = difflib.get_close_matches(name, KNOWN, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise UsageError(f"no known client {name!r}{meant}; there are: {', '.join(KNOWN)}")
    return KNOWN[name]


def _of_ctr() -> Iterator[KnownClient]:
    yield KnownClient(
        name="ctr-run",
        about="ctr run --rm",
        argv=("ctr", "run", "--rm", "{image}", "{id}", *_PYTHON, "print('done')"),
        assertion="grep -q done {stdout}",
        program=lambda: "ctr",
    )
    yield KnownClient(
        name="ctr-run-detached",
        about="a script: ctr run -d, ctr task kill, ctr task rm -f, ctr container rm",
        argv=(
            *("sh", "-ec"),
            "ctr run -d --null-io {image} {id} python3 -S -E -c 'import time; time.sleep(60)'\n"
            "ctr task kill -s SIGKILL {id}\n"
            # Without -f it fails where the process has not ended yet.
            "ctr task rm -f {id}\n"
            "ctr container rm {id}\n",
        ),
        program=lambda: "ctr",
    )
    yield KnownClient(
        name="ctr-image-import",
        about="ctr image import of two layers, unpacked",
        argv=("ctr", "image", "import", "{stdout}.tar"),
        setup=_SMALL_IMAGE,
        assertion="ctr image ls -q | grep -q check/{id}:1",
        # All write the archive's index as the one reference tar-index.json, which is locked
        # meanwhile: where one is paused, the others wait.
        together=False,
        program=lambda: "ctr",
    )


def _of_pods() -> Iterator[KnownClient]:
    yield KnownClient(
        name="cri",
        about="the CRI plugin through its own API: a pod's life in the kubelet's order",
        argv=(*_module("pod_client"), "{id}", "{image}"),
        pods=True,
        program=lambda: "containerd",
    )


def _of_docker() -> Iterator[KnownClient]:
    yield KnownClient(
        name="dockerd",
        about="dockerd with the containerd image store, from its start to its end, with one "
        "container in between",
        argv=(*_module("docker_client"), "{id}", "{image}", "{stdout}.docker"),
        program=lambda: str(dockerd_program()),
    )


def _of_profiles() -> Iterator[KnownClient]:
    for profile in PRESETS:
        yield KnownClient(
            name=f"profile-{profile}",
            about=f"our own lifecycle under the profile {profile}",
            argv=(*_module("profile_client"), profile, "{id}", "{image}"),
        )


def _of_orders() -> Iterator[KnownClient]:
    for order, about in (
        ("worker_2022", "the order of the Ilúvatar worker of 2022, by raw requests"),
        ("worker_2025", "the order of the Ilúvatar worker of 2025, by raw requests"),
        ("record_late", "Prepare without a lease, then the record with the key"),
        ("record_first", "the record with its key, then Prepare without a lease"),
    ):
        yield KnownClient(
            name=order.replace("_", "-"),
            about=about,
            argv=(*_module("order_client"), order, "{id}", "{image}"),
            together=order != "worker_2022",
        )
    yield KnownClient(
        name="unpack-unheld",
        about="each layer's Prepare and Commit without a lease or a label, then a container on it",
        argv=(*_module("order_client"), "unpack_unheld", "{id}", "check/{id}:1"),
        setup=f"{_SMALL_IMAGE} && ctr image import --no-unpack {{stdout}}.tar",
    )


def _module(name: str) -> tuple[str, ...]:
    return ("{python}", "-m", f"iluvatar_bench.clients.known.{name}")


KNOWN: Mapping[str, KnownClient] = {
    client.name: client
    for client in (*_of_ctr(), *_of_pods(), *_of_docker(), *_of_profiles(), *_of_orders())
}
"""By name, those of containerd first."""
