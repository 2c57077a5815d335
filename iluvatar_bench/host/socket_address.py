"""The address of a containerd as people write it."""

from __future__ import annotations

import re
from pathlib import Path

from iluvatar_bench.errors import UsageError

_PREFIXES = ("unix://", "containerd://", "unix:")
_OF_ANOTHER_KIND = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def socket_path(address: str | Path) -> Path:
    """The socket's path; ``unix://`` as gRPC and crictl have it, and ``containerd://``, go.

    Raises:
        UsageError: it is the address of something else, or names nothing.
    """
    text = str(address)
    path = next((text.removeprefix(p) for p in _PREFIXES if text.startswith(p)), text)
    if not path:
        raise UsageError(f"the address {text!r} names no socket")
    if _OF_ANOTHER_KIND.match(path):
        raise UsageError(
            f"{text} is no address of a containerd: it is asked at a Unix socket of this host"
        )
    return Path(path)
