"""A running daemon's configuration files, as far as whoever looks at it needs them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.daemon.versions import (
    Release,
    includes_drop_ins,
    merges_plugin_sections,
    release,
)
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.kernel.processes import command_line
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, Collector

DEFAULT_CONFIG = Path("/etc/containerd/config.toml")
"""What containerd reads unless it is told otherwise; it starts without one too."""

DEFAULT_STATE = Path("/run/containerd")
DEFAULT_ROOT = Path("/var/lib/containerd")

DROP_INS = "/etc/containerd/conf.d/*.toml"
"""What containerd 2.2 and later include where no file says what to import (defaults_unix.go)."""

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


def config_of_daemon(pid: int, *, version: str) -> DaemonConfig | None:
    """The settings of a daemon that runs; None where its process may not be seen.

    ``version`` is what the daemon says of itself. Its files are read where it sees them: from its
    working directory, and below its own root.

    Raises:
        UnusablePath: as :func:`read_config`.
    """
    arguments, process = command_line(pid), Path(f"/proc/{pid}")
    if not arguments:
        return None
    try:
        folder = (process / "cwd").readlink()
    except OSError:
        folder = None
    return read_config(
        arguments,
        release=release(version),
        folder=folder,
        root=process / "root" if folder is not None else Path("/"),
    )


def read_config(
    arguments: Sequence[str],
    *,
    release: Release | None = None,
    folder: Path | None = None,
    root: Path = Path("/"),
) -> DaemonConfig:
    """The settings of a daemon that was started with this command line.

    ``folder`` is its working directory, which a relative path begins at (None: not known), and
    ``root`` its file system's root as it is to be seen from here. Imported files are followed, as
    the ``release`` follows them (containerd v1.6.20, services/server/config/config.go; v2.3.4,
    cmd/containerd/server/config/config.go).

    Raises:
        UnusablePath: a file cannot be read or is not a containerd configuration, or where it is
            cannot be known. One that is not there, and was not asked for, means defaults.
    """
    named = _option(arguments, "config", "c")
    reader = _Reader(release=release, folder=folder, root=root)
    first = Path(named or DEFAULT_CONFIG)
    section: dict[str, Any] = {}
    folders: dict[str, str] = {}
    for path, document in reader.documents(first, asked_for=named is not None):
        try:
            own = _section(document)
            section = (
                {**section, **own} if own and merges_plugin_sections(release) else (own or section)
            )
            folders |= {n: str(document[n]) for n in ("state", "root") if document.get(n)}
        except (AttributeError, TypeError) as error:
            raise UnusablePath(f"the configuration {path} cannot be read: {error}") from error
    known = {field.name for field in fields(Collector)}
    try:
        collector = Collector(**{name: value for name, value in section.items() if name in known})
    except (TypeError, ValueError) as error:
        raise UnusablePath(f"the configuration {first} cannot be read: {error}") from error
    return DaemonConfig(
        collector=collector,
        state=Path(_option(arguments, "state") or folders.get("state") or DEFAULT_STATE),
        root=Path(_option(arguments, "root") or folders.get("root") or DEFAULT_ROOT),
    )


def _section(document: Mapping[str, Any]) -> dict[str, Any]:
    plugins = document.get("plugins", {})
    return next((dict(plugins[name]) for name in _SECTIONS if name in plugins), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """The files of one daemon, the first one first; each is read once."""

    release: Release | None
    folder: Path | None
    root: Path

    def documents(self, path: Path, *, asked_for: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
        waiting = [self._absolute(path)]
        read: set[Path] = set()
        while waiting:
            path = waiting.pop(0)
            if path in read:
                continue
            document = self._document(path, may_be_missing=not read and not asked_for)
            imports = document.get("imports", ())
            if not read and "imports" not in document and includes_drop_ins(self.release):
                imports = (DROP_INS,)
            read.add(path)
            yield path, document
            for pattern in imports:
                waiting += self._found(path, str(pattern))

    def _document(self, path: Path, *, may_be_missing: bool) -> dict[str, Any]:
        try:
            return tomllib.loads(self._seen(path).read_text())
        except FileNotFoundError as error:
            if may_be_missing:
                return {}
            raise UnusablePath(f"the configuration {path} is not there") from error
        except (OSError, ValueError) as error:
            raise UnusablePath(f"the configuration {path} cannot be read: {error}") from error

    def _found(self, importing: Path, pattern: str) -> list[Path]:
        """The files that an import names: relative ones beside the file that imports them.

        Up to 1.6 a relative pattern begins at the daemon's working directory.
        """
        path = Path(pattern)
        if "*" in pattern and self.release is not None and self.release < (1, 7):
            path = self._absolute(path)
        elif not path.is_absolute():
            path = importing.parent / path
        if "*" not in pattern:
            return [path]
        top = self._seen(Path(path.anchor))
        return sorted(
            Path("/") / found.relative_to(top) for found in top.glob(str(path.relative_to("/")))
        )

    def _absolute(self, path: Path) -> Path:
        if path.is_absolute():
            return path
        if self.folder is None:
            raise UnusablePath(
                f"the configuration {path} is relative to the daemon's working directory, which "
                "may not be seen; run this as root"
            )
        return self.folder / path

    def _seen(self, path: Path) -> Path:
        return self.root / str(path).lstrip("/")


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
