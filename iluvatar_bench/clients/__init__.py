"""A client under test: from its calls to what it does to its containers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iluvatar_bench.clients.known.check_known import check_known
    from iluvatar_bench.clients.known.known_clients import find_known
    from iluvatar_bench.clients.known.recorded_checks import (
        CheckResult,
        find_check,
        open_check,
        recorded_check_names,
    )

__all__ = [
    "CheckResult",
    "check_known",
    "find_check",
    "find_known",
    "open_check",
    "recorded_check_names",
]

_HOMES = ("recorded_checks", "known_clients", "check_known")
"""Where the public names live, below ``known``. They are imported when first used: the clients that
are checked are modules of this package too, and start quickly."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.known.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
