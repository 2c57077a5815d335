"""Checks that travel with the project, by name; and the folder of any check, read."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iluvatar_bench.clients.check.check_folder import COMPLETE, POSITIONS_TABLE
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.whole_files import whole_folder
from iluvatar_bench.shipped import DATA, IN_CHECKOUT

if TYPE_CHECKING:
    import pandas as pd

CHECKS_HOME = DATA / "checks"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finished check: how it was made, and one row a run with a fault (``POSITION_SCHEMA``)."""

    folder: Path
    manifest: dict[str, Any]
    positions: pd.DataFrame

    @property
    def name(self) -> str:
        """The known client's name, or the command's first word."""
        known = self.manifest.get("known") or {}
        return str(known.get("name") or Path(self.manifest["command"][0]).name)

    @property
    def about(self) -> str:
        """What the client is: in words where it is a known one, else its command."""
        known = self.manifest.get("known") or {}
        return str(known.get("about") or f"`{shlex.join(self.manifest['command'])}`")

    @property
    def version(self) -> str:
        """The client's version, as far as it is known."""
        known = self.manifest.get("known") or {}
        return str(known.get("version") or "–")

    @property
    def containerd(self) -> str:
        """The version of the containerd that it was checked on."""
        return str(self.manifest["containerd"]["version"])

    @property
    def date(self) -> str:
        """The day on which it was made, as ``YYYY-MM-DD``."""
        return str(self.manifest["started_at"])[:10]


def recorded_check_names() -> tuple[str, ...]:
    """The recorded checks."""
    return tuple(sorted(path.parent.name for path in CHECKS_HOME.glob(f"*/{_MANIFEST}")))


def find_check(name: str | Path) -> Path:
    """The folder of a check: a path, or the name of a recorded one; a path that is one wins.

    Raises:
        UsageError: neither of them; the message says what there is.
    """
    path = Path(name)
    if (path / _MANIFEST).is_file() and (path / POSITIONS_TABLE).is_file():
        return path
    if str(name) in recorded_check_names():
        return CHECKS_HOME / name
    what = "has no check in it" if path.is_dir() else "is no folder"
    recorded = ", ".join(recorded_check_names()) or "none"
    raise UsageError(f"no check {str(name)!r}: it {what}, and the recorded ones are: {recorded}")


def open_check(name: str | Path) -> CheckResult:
    """Read a check by its folder or recorded name.

    Raises:
        UsageError: there is no such check, or its files cannot be read.
    """
    import pandas as pd
    import pyarrow as pa

    folder = find_check(name)
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        positions = pd.read_parquet(folder / POSITIONS_TABLE)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"the check in {folder} cannot be read: {error}") from error
    if manifest.get("kind") != "check":
        raise UsageError(f"{folder} is no check's folder: its manifest is of another kind")
    return CheckResult(folder, manifest, positions)


def record_check(folder: Path, name: str, *, home: Path | None = None) -> Path:
    """Keep a check's manifest and positions as the recorded check ``name``; gives its new folder.

    It takes the place of one of that name. Of its calls, which are many times as large, nothing is
    kept. ``home`` is the folder of the recorded checks.

    Raises:
        UsageError: the check was stopped, the name is no plain file name, or without ``home`` this
            is no source checkout.
        UnusablePath: the folder cannot be written to.
    """
    require_checkout(home)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise UsageError(f"{name!r} cannot be a recorded check's name")
    if folder.is_dir() and open_check(folder).manifest.get("status", COMPLETE) != COMPLETE:
        raise UsageError(f"the check in {folder} was stopped: it is not recorded")
    target = (home or CHECKS_HOME) / name
    with whole_folder(target) as draft:
        for kept in (_MANIFEST, POSITIONS_TABLE):
            shutil.copyfile(folder / kept, draft / kept)
    return target


def require_checkout(home: Path | None = None) -> None:
    """Refuse to record where there is nothing to record into.

    Raises:
        UsageError: this is no source checkout.
    """
    if home is None and not IN_CHECKOUT:
        raise UsageError("recorded checks are kept in a source checkout, and this is none")
