"""The installed containerd, and those that ILUVATAR_BENCH_CONTAINERDS names.

It names folders with the programs of others, separated by colons; tests/fetch_containerds makes
them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.versions import Release, release
from iluvatar_bench.host.facts import program_version

OTHERS = [f for f in os.environ.get("ILUVATAR_BENCH_CONTAINERDS", "").split(":") if f]
FOLDERS = ["", *OTHERS]
"""Of the programs; the empty one stands for those that are installed."""


def folder_name(folder: str) -> str:
    """What a test of the folder's containerd is called."""
    return folder.strip("/") or "installed"


def program(folder: str) -> Path | None:
    """The containerd of a folder; None where it is not there."""
    found = shutil.which("containerd", path=folder or None)
    return Path(found) if found else None


def use(folder: str, monkeypatch: pytest.MonkeyPatch) -> Release | None:
    """Put a folder first in PATH, its shim and ctr included; gives its containerd's release."""
    if folder:
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return release(program_version("containerd", "--version") or "")
