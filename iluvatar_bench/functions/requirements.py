"""The files that a ``reqs.txt`` includes: ``-r more.txt`` and ``-c bounds.txt``.

pip looks for them beside the file that names them
(https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

from __future__ import annotations

import re
from pathlib import Path

from iluvatar_bench.errors import UsageError

_INCLUDE = re.compile(
    r"^(?P<option>[ \t]*(?:-r|-c|--requirement|--constraint)(?:[ \t]*=[ \t]*|[ \t]*))"
    r"(?P<name>[^\s#]+)",
    re.MULTILINE,
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def check_includes(text: str, folder: Path, *, of: str = "reqs.txt") -> None:
    """Refuse includes that cannot be followed, or that lead out of the function's folder.

    An image is found again by the content of its function's folder: a file elsewhere could change
    unseen.

    Raises:
        UsageError: one line, which names the file.
    """
    _check(text, folder, folder.resolve(), of, frozenset())


def with_absolute_includes(text: str, folder: Path) -> str:
    """The same requirements for a file that lies elsewhere than in ``folder``."""

    def absolute(found: re.Match[str]) -> str:
        name = found["name"]
        return (
            found["option"].rstrip(" \t=")
            + " "
            + (name if _SCHEME.match(name) else str(folder / name))
        )

    return _INCLUDE.sub(absolute, text)


def _check(text: str, base: Path, folder: Path, of: str, above: frozenset[Path]) -> None:
    for found in _INCLUDE.finditer(text):
        name = found["name"]
        if _SCHEME.match(name):
            continue
        path = (base / name).resolve()
        if not path.is_relative_to(folder):
            raise UsageError(
                f"{of} of function {folder.name} includes {name}, which is not in the function's "
                "folder; put it there"
            )
        if path in above:
            raise UsageError(f"{of} of function {folder.name} includes {name} in a circle")
        try:
            included = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{of} of function {folder.name} includes {name}, which cannot be read: "
                f"{getattr(error, 'strerror', None) or error}"
            ) from error
        _check(included, path.parent, folder, str(path.relative_to(folder)), above | {path})
