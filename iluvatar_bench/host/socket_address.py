"""The address of a containerd as people write it."""

from __future__ import annotations

from pathlib import Path

_PREFIXES = ("unix://", "containerd://", "unix:")


def socket_path(address: str | Path) -> Path:
    """The socket's path; ``unix://`` as gRPC and crictl have it, and ``containerd://``, go."""
    text = str(address)
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return Path(text.removeprefix(prefix))
    return Path(text)
