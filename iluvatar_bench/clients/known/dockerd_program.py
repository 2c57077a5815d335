"""Which dockerd is checked: one that can keep images and layers in containerd."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from iluvatar_bench.containerd.daemon.versions import release
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.facts import program_version

VARIABLE = "ILUVATAR_BENCH_DOCKERD"
"""Names a dockerd that is not in the PATH, as ``tests/fetch_dockerd`` unpacks one."""

FIRST_MAJOR = 23
"""The first release with the feature ``containerd-snapshotter``
(https://docs.docker.com/engine/storage/containerd/); tried with 26.1.5."""

_REMEDY = (
    f"name a newer one in {VARIABLE} (tests/fetch_dockerd FOLDER unpacks Debian's without "
    "installing it)"
)


def dockerd_program() -> Path:
    """The program.

    Raises:
        UsageError: there is none that can do it; the message says what is missing.
    """
    found = os.environ.get(VARIABLE) or shutil.which("dockerd")
    if not found:
        raise UsageError(f"dockerd is not on this host; {_REMEDY}")
    said = program_version(found, "--version")
    version = release(said or "")
    if version is None:
        raise UsageError(f"{found} does not say which dockerd it is; {_REMEDY}")
    if version.major < FIRST_MAJOR:
        raise UsageError(
            f"{found} is {said}, which keeps images and layers outside of containerd and asks it "
            f"for no snapshot: that needs {FIRST_MAJOR} or later; {_REMEDY}"
        )
    return Path(found)
