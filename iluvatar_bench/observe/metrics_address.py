"""Where metrics are served: loopback's, unless the user names another address. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iluvatar_bench.errors import UsageError

LOOPBACK = "127.0.0.1"

_ADDRESS = re.compile(r"(?:(?P<host>[^\s:\[\]]+|\[[0-9A-Fa-f:.]+\])?:)?(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """Where the metrics are served; port 0: any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this host reaches it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def metrics_address(text: str) -> MetricsAddress:
    """``HOST:PORT``, ``:PORT`` or ``PORT``; without a host it is loopback's.

    Raises:
        UsageError: it is none of these.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise UsageError(f"--metrics {text}: HOST:PORT or a port, as in 127.0.0.1:9469")
    return MetricsAddress((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))
