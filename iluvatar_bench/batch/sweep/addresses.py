"""A scheduler's address, and what a connection to it has to show.

Whoever may talk to a scheduler may run code on its workers, as root. So an address that is not
loopback is spoken to by TLS alone, with a certificate of an authority that both sides know.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import NoSuchFile, UsageError

DEFAULT_PORT = 8786

_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\]]+\]|[^:/\[\]]+)(?::(?P<port>\d+))?/?"
)

CREDENTIALS = {"ca": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}
"""Dask's own names of the options, for its scheduler and its workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerAddress:
    """Where a scheduler is. ``host`` is a name, or an address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """As Dask takes it."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.scheme == "tls"


def scheduler_address(text: str) -> SchedulerAddress:
    """``tls://host:port``, or ``host:port``, which is TLS unless the host is this one's loopback.

    Raises:
        UsageError: it is no address, or TCP without TLS to another host.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise UsageError(f"--scheduler {text}: no address; as in tls://10.0.0.1:{DEFAULT_PORT}")
    host = found["host"].strip("[]")
    near = is_loopback(host)
    scheme = found["scheme"] or ("tcp" if near else "tls")
    if scheme not in ("tcp", "tls"):
        raise UsageError(f"--scheduler {text}: {scheme}:// is not spoken here; tls:// is")
    if scheme == "tcp" and not near:
        raise UsageError(
            f"--scheduler {text}: {host} is not loopback, and whoever reaches a scheduler without "
            f"TLS runs code as root on its workers: tls://{host}"
        )
    port = int(found["port"] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise UsageError(f"--scheduler {text}: port {port} is not between 1 and 65535")
    return SchedulerAddress(scheme=scheme, host=host, port=port)


def is_loopback(host: str) -> bool:
    """Whether it surely means this host. A name other than ``localhost`` may mean any."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_credentials(given: Mapping[str, str | None]) -> dict[str, str]:
    """The files of a TLS connection, by the names in :data:`CREDENTIALS`.

    Raises:
        UsageError: one is not named. NoSuchFile: one is not there.
    """
    missing = [option for name, option in CREDENTIALS.items() if not given.get(name)]
    if missing:
        raise UsageError(
            f"TLS takes {', '.join(missing)} (or Dask's configuration, distributed.comm.tls)"
        )
    files = {name: str(given[name]) for name in CREDENTIALS}
    for name, file in files.items():
        if not Path(file).is_file():
            raise NoSuchFile(f"{CREDENTIALS[name]} {file}: there is no such file")
    return files
