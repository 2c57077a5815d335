"""Writes ``requirements.lock``: every package of every extra, pinned, for ``./bench``.

``python -m tools.lock [--upgrade]`` with the oldest Python that is supported, Debian's own: what
is locked for it installs on later ones too. It needs pip-tools, a development dependency.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"

_OPTIONS = ("--quiet", "--no-header", "--strip-extras", "--allow-unsafe", "--no-emit-options")
_EXTRAS = ("all", "dev", "docs")


def write_lock(*options: str) -> None:
    """Resolve ``pyproject.toml`` anew; without ``--upgrade`` what is pinned stays as it is."""
    extras = [f"--extra={extra}" for extra in _EXTRAS]
    command = [sys.executable, "-m", "piptools", "compile", *_OPTIONS, *extras, *options]
    # Its notes name the package indices of this machine, which are nobody else's business.
    command += ["--no-emit-index-url", "--no-emit-find-links", f"--output-file={LOCK.name}"]
    subprocess.run([*command, "pyproject.toml"], check=True, cwd=ROOT)
    # An extra that names another one of this package brings the package itself in, by its path.
    itself = re.compile(r"^iluvatar-bench .*\n(?: +#.*\n)*", re.MULTILINE)
    LOCK.write_text(itself.sub("", LOCK.read_text()))


if __name__ == "__main__":
    write_lock(*sys.argv[1:])
