"""This program by the name that its user calls it by: what a message names can be typed.

Texts say ``iluvatar-bench COMMAND``, wherever they come from. A checkout has no such program in the
PATH: there ``./bench`` hands over, and says in a variable how it was called itself. What is kept
(JSON, pages, tables, logs) has the name of the installed program.
"""

from __future__ import annotations

import os
import re
import shlex

PROGRAM = "iluvatar-bench"

VARIABLE = "ILUVATAR_BENCH_PROGRAM"
"""The environment variable with what is typed in place of ``iluvatar-bench``."""

_NAMED = re.compile(rf"\b{PROGRAM} (?=--|[A-Za-z])")


def program() -> str:
    """What is typed to call this program, quoted for a shell."""
    return shlex.quote(os.environ.get(VARIABLE) or PROGRAM)


def as_called(text: str) -> str:
    """The text, with each ``iluvatar-bench COMMAND`` in it as the user has to type it."""
    called = program()
    return _NAMED.sub(lambda _: f"{called} ", text)
