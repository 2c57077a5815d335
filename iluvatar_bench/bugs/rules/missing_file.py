"""Which files an error says are missing, and what became of them. Pure.

The words of a function's own import error and those of a snapshot that was collected are the same.
What tells them apart is whether the image has the file, and whether the container sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from iluvatar_bench.bugs.evidence import FileKind, FileVerdict

MOST_NAMES = 8
"""Only so many names of one text are looked for: the last ones, which ended the process."""


@dataclass(frozen=True, slots=True)
class MissingName:
    """One thing that an error says is missing."""

    kind: FileKind
    name: str


_QUOTED = r"(?:'(?P<{0}>[^'\n]{{1,300}})'|(?P<{0}_bare>[\w.]{{1,200}}))"
_MISSING = re.compile(
    # "No module named 'a.b'", and "; 'a' is not a package" behind it; Python 2 wrote no quotes.
    r"No module named " + _QUOTED.format("module") + r"|cannot import name '(?P<member>\w{1,100})'"
    r" from (?:partially initialized module )?'(?P<package>[\w.]{1,200})'"
    r"|(?:ImportError: |error while loading shared libraries: )"
    r"(?P<library>[^\s:/]{1,200}): cannot open shared object file"
    r"|\[Errno 2\] No such file or directory: b?(?P<q>['\"])(?P<path>[^\n]{1,1000}?)(?P=q)"
    # The interpreter, about its own script.
    r"|can't open file '(?P<script>[^'\n]{1,1000})': \[Errno 2\]"
    # runc, about the program.
    r"|exec: \\{0,7}\"(?P<program>/[^\"\\\n]{1,300})\\{0,7}\": stat "
)
_TRACEBACK_FILE = re.compile(
    r"^\s+File \"(/[^\"\n]{1,1000})/[^\"/\n]{1,255}\", line \d", re.MULTILINE
)


def missing_names(text: str) -> tuple[MissingName, ...]:
    """What the text says is missing, in the order of the text, each once; at most the last eight.

    Never raises. A text that names nothing gives an empty tuple.
    """
    found = dict.fromkeys(_names(text))
    return tuple(found)[-MOST_NAMES:]


def _names(text: str) -> Iterator[MissingName]:
    for match in _MISSING.finditer(text):
        module = match["module"] or match["module_bare"]
        path = match["path"] or match["script"] or match["program"]
        if module:
            yield MissingName(FileKind.MODULE, module)
        elif match["member"]:
            yield MissingName(FileKind.NAME, f"{match['package']}.{match['member']}")
        elif match["library"]:
            yield MissingName(FileKind.LIBRARY, match["library"])
        elif path:
            yield MissingName(FileKind.FILE, path)


def traceback_folders(text: str) -> tuple[str, ...]:
    """The folders of the source files that tracebacks in the text name, each once."""
    return tuple(dict.fromkeys(_TRACEBACK_FILE.findall(text)))


def holds_module(entry: str, module: str) -> bool:
    """Whether a folder's entry is what ``import module`` (one part of a name) would load.

    A package's folder, a source file, byte code or an extension module (``importlib.machinery``'s
    suffixes).
    """
    if entry == module or entry in (f"{module}.py", f"{module}.pyc"):
        return True
    return entry.startswith(f"{module}.") and entry.endswith(".so")


def file_verdict(
    name: MissingName,
    *,
    in_image: bool | None,
    visible_now: bool | None,
    visible_later: bool | None,
) -> FileVerdict:
    """The verdict on one missing file.

    That the image does not have it is certain for a module and for an absolute path. What
    ``from package import name`` names may be no file at all, a library may lie in a folder that
    only its user knows, a relative path depends on where the process stood.
    """
    if visible_now or visible_later:
        return FileVerdict.LATE
    certain = name.kind is FileKind.MODULE or (
        name.kind is FileKind.FILE and name.name.startswith("/")
    )
    if in_image is False and certain:
        return FileVerdict.ABSENT_FROM_IMAGE
    if in_image and visible_now is False:
        return FileVerdict.LOST
    return FileVerdict.UNKNOWN
