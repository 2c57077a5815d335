"""A running daemon's configuration file, as far as an audit needs it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, Collector

DEFAULT_CONFIG = Path("/etc/containerd/config.toml")
"""What containerd reads unless it is told otherwise; it starts without one too."""

DEFAULT_STATE = Path("/run/containerd")
DEFAULT_ROOT = Path("/var/lib/containerd")

_SECTIONS = ("io.containerd.gc.v1.scheduler", "scheduler")
"""The collector's section in versions 2 and 3 of the file, and in version 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """Settings of a daemon; containerd's defaults where neither file nor command line say more."""

    collector: Collector = NATURAL_COLLECTOR
    state: Path = DEFAULT_STATE
    """The folder that holds the bundles of its containers."""
    root: Path = DEFAULT_ROOT
    """The folder that holds its database and its snapshots."""


def read_config(arguments: Sequence[str]) -> DaemonConfig:
    """The settings of a daemon that was started with this command line.

    Files that its configuration imports are not followed.

    Raises:
        UnusablePath: the file cannot be read, or is not a containerd configuration. One that is
            not there means defaults.
    """
    path = Path(_option(arguments, "config", "c") or DEFAULT_CONFIG)
    try:
        document = tomllib.loads(path.read_text())
        plugins = document.get("plugins", {})
        section: dict[str, Any] = next((plugins[name] for name in _SECTIONS if name in plugins), {})
        known = {field.name for field in fields(Collector)}
        collector = Collector(**{name: value for name, value in section.items() if name in known})
    except FileNotFoundError:
        document, collector = {}, NATURAL_COLLECTOR
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UnusablePath(f"the configuration {path} cannot be read: {error}") from error
    state = _option(arguments, "state") or document.get("state") or DEFAULT_STATE
    root = _option(arguments, "root") or document.get("root") or DEFAULT_ROOT
    return DaemonConfig(collector=collector, state=Path(str(state)), root=Path(str(root)))


def _option(arguments: Sequence[str], *names: str) -> str | None:
    flags = {f"{dashes}{name}" for name in names for dashes in ("-", "--")}
    for flag, value in pairwise(arguments):
        if flag in flags:
            return value
    for argument in arguments:
        flag, separator, value = argument.partition("=")
        if separator and flag in flags:
            return value
    return None
