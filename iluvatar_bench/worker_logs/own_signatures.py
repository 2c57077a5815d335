"""Signatures of a site's own: read from a TOML file, and drafted from errors that nobody knows.

.. code-block:: toml

    [[signature]]
    class = "network"
    pattern = 'frob table of \\S{1,60} is inconsistent'
    certainty = "likely"            # certain if left away
    alternatives = ["deadline"]     # none if left away
    source = "frobd 3, our wiki"    # where the wording comes from
    example = "frob table of web is inconsistent"    # a text that the pattern has to fit
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from iluvatar_bench.bugs.signatures import Signature
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.errors import UsageError, unreadable
from iluvatar_bench.worker_logs.pattern_cost import check_cost
from iluvatar_bench.worker_logs.required_words import required_literals

MOST_SIGNATURES = 500
SHORTEST_WORD = 6
"""A fixed word that every match contains: shorter ones would hit in every line of a log."""
_KEYS = {"class", "pattern", "certainty", "alternatives", "source", "example"}


def read_signatures(path: Path) -> tuple[Signature, ...]:
    """The signatures of a file, in its order; they are tried before the own table.

    Raises:
        UsageError, UnusablePath: it is not there, or cannot be read.
        UsageError: it is no TOML, or an entry is not what it should be; the message says which.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from error
    entries = document.get("signature")
    if not isinstance(entries, list) or not entries or set(document) != {"signature"}:
        raise UsageError(f"{path}: expected tables [[signature]] and nothing else")
    if len(entries) > MOST_SIGNATURES:
        raise UsageError(f"{path}: {len(entries)} signatures, more than {MOST_SIGNATURES}")
    return tuple(_signature(entry, f"{path}, signature {n}") for n, entry in enumerate(entries, 1))


def _signature(entry: Any, where: str) -> Signature:
    if not isinstance(entry, dict) or not {"class", "pattern"} <= set(entry):
        raise UsageError(f"{where}: class and pattern are required")
    if unknown := set(entry) - _KEYS:
        raise UsageError(f"{where}: no key {sorted(unknown)[0]!r}; there are {sorted(_KEYS)}")
    alternatives = entry.get("alternatives", [])
    if not isinstance(alternatives, list):
        raise UsageError(f"{where}: alternatives must be a list of classes")
    certainty = entry.get("certainty", "certain")
    if certainty not in list(Certainty):
        raise UsageError(f"{where}: certainty is one of {', '.join(Certainty)}, not {certainty!r}")
    pattern = _pattern(entry["pattern"], where)
    example = entry.get("example")
    if example is not None and not pattern.search(str(example)):
        raise UsageError(f"{where}: the pattern does not fit its example {example!r}")
    return Signature(
        _bug_class(entry["class"], where),
        pattern,
        versions="",
        source=str(entry.get("source", where)),
        certainty=Certainty(certainty),
        alternatives=tuple(_bug_class(name, where) for name in alternatives),
        words=tuple(sorted(required_literals(pattern))),
    )


def _bug_class(name: Any, where: str) -> BugClass:
    known = [str(c) for c in BugClass if c is not BugClass.UNCLASSIFIED]
    if name not in known:
        raise UsageError(f"{where}: class is one of {', '.join(known)}, not {name!r}")
    return BugClass(name)


def _pattern(text: Any, where: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(str(text))
        check_cost(pattern)
        shortest = min(map(len, required_literals(pattern)))
    except (re.error, ValueError, RecursionError) as error:
        raise UsageError(f"{where}: the pattern cannot be used: {error}") from error
    if shortest < SHORTEST_WORD:
        raise UsageError(
            f"{where}: every match must contain a fixed word of {SHORTEST_WORD} characters or more"
        )
    return pattern


def drafts(unclassified: pd.DataFrame, *, most: int = 20) -> str:
    """A draft rule for each group of errors that no signature knows, as the text of a file.

    The class is left for the reader to choose: until then the file is refused.
    """
    classes = ", ".join(c for c in BugClass if c is not BugClass.UNCLASSIFIED)
    parts = [
        f"# Choose a class for each, and delete what you do not want. The classes:\n# {classes}\n"
    ]
    for _, group in unclassified.head(most).iterrows():
        pattern = _draft(str(group["shape"]))
        if pattern is None:
            continue
        example = str(group["example"]).replace("\n", " ")[:200]
        parts.append(
            f"# {group['entries']} times; the first: {_printable(example)}\n"
            f'[[signature]]\nclass = ""\npattern = {json.dumps(pattern)}\n'
        )
    return "\n".join(parts)


_MARK = re.compile("|".join(map(re.escape, ("<id>", "<address>", "<path>", "<word>", "<n>"))))
_STANDS_FOR = {
    "<id>": r"[\w:-]{1,80}+",
    "<address>": r"[\d.:]{1,21}+",
    "<path>": r"/[^\s:\"]{1,300}+",
    "<word>": r"[^\"'\n]{1,80}+",
    "<n>": r"\d{1,20}+",
}


def _draft(shape: str) -> str | None:
    pattern, at = "", 0
    for mark in _MARK.finditer(shape):
        pattern += _escaped(shape[at : mark.start()]) + _STANDS_FOR[mark.group()]
        at = mark.end()
    pattern += _escaped(shape[at:])
    try:
        _pattern(pattern, "draft")
    except UsageError:
        return None
    return pattern


def _escaped(text: str) -> str:
    # Quotes arrive with backslashes before them where one program passes on another's words.
    return re.escape(text).replace('"', r"\\{0,7}+\"").replace("\\ ", " ")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def described(signatures: Iterable[Signature]) -> str:
    """How many signatures there are of which class, for the summary."""
    counts = pd.Series([str(s.bug_class) for s in signatures]).value_counts()
    return ", ".join(f"{name} {count}" for name, count in counts.items())
