"""Where in a block of log lines there is anything to look at.

One search for many fixed words passes over healthy lines. The words of failures come from the table
of signatures, the others are what the worker writes when it counts for something else.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from iluvatar_bench.bugs.classify import TOLD_CALMLY
from iluvatar_bench.bugs.error_marks import ERRNO_WORDS, WARNING_EVENT
from iluvatar_bench.bugs.hints import HINT_WORDS
from iluvatar_bench.bugs.signatures import Signature
from iluvatar_bench.worker_logs.required_words import failure_words, required_literals
from iluvatar_bench.worker_logs.words import WordSearch


class Interest(Enum):
    """Why a place is looked at."""

    FAILURE = "failure"
    """A word of a signature, a level or a document that reports a failure."""
    TOLD_CALMLY = "told calmly"
    """A word of a signature that counts at a calm level too."""
    INVOCATION = "invocation"
    """An invocation, for the denominators."""
    CONTAINER = "container"
    """A container that comes or goes, for the denominators."""
    SAMPLE = "sample"
    """A container's memory use that changed."""


_REPORTED = (
    '{ "Error"',
    '{"Error"',
    '  "Error": ',
    # What programs mark as an error, for those that no signature knows (bugs/error_marks.py).
    "level=error",
    "level=fatal",
    "level=panic",
    "level=ERROR",
    "level=FATAL",
    '"error"',
    '"fatal"',
    '"panic"',
    '"dpanic"',
    '"critical"',
    '"FATAL"',
    '"CRITICAL"',
    '"ALERT"',
    *(f'"PRIORITY":{gap}"{level}"' for gap in ("", " ") for level in "0123"),
    # the same, unwrapped, and syslog's (facility daemon or kern)
    *(f"\n<{priority}>" for priority in (0, 1, 2, 3, 24, 25, 26, 27)),
    # bytes as numbers
    '"MESSAGE":[',
    '"MESSAGE" : [',
    *(
        f"{before}{level}{month}"
        for before in ("\n", "]: ", " F ")
        for level in "EF"
        for month in "01"
    ),
    *(f"\n{name}: " for name in ("ctr", "crictl", "nerdctl", "podman", "containerd")),
    # a level in red
    "\x1b[31m",
    "\x1b[1;31m",
    "ERRO[",
    "FATA[",
    "PANI[",
    "Error response from",
    "fatal error",
    "npm ERR!",
    "Warning  ",
    "rpc error: code = ",
    "Failed with result",
    "Main process exited",
    "auto-restart) (Result: ",
    "kernel: BUG:",
    "] BUG:",
    "] watchdog: BUG:",
    "WARNING: CPU: ",
    "RIP: 0010:",
    "rcu: INFO: ",
    "INFO: rcu_",
    "Kernel panic",
    " (E) ",
    "<error>",
    "<nerror>",
    "probeType=",
    # A level at the head of a line (bugs/levels.py), and sentences that say what did not work.
    "rror",
    "ERR",
    "FATA",
    "SEVERE",
    "CRIT",
    "PANIC",
    "ALERT",
    "alert]",
    "EMERG",
    "FAIL",
    "crit",
    "emerg",
    "fail: ",
    "lvl=e",
    "lvl=c",
    *(f'"level":{level}' for level in ("50", "60", '"50', '"60')),
    *(f'"s":"{letter}"' for letter in "EF"),
    *(f"{before}{letter}{after}" for letter in "EF" for before, after in ("[]", "()", "  ")),
    ":e]",
    # Tornado's [E 160511 05:39:47 web:100]
    "[E ",
    "[F ",
    "[C ",
    "ailed",
    "ailing",
    "ails ",
    "ailure",
    "nable to ",
    "annot ",
    "an not ",
    "an't ",
    "ould not ",
    "ouldn't ",
    "id not ",
    "idn't ",
    "ill not ",
    "oes not ",
    "oesn't ",
    "No such ",
    ": no such ",
    *(
        f"not {what}"
        for what in (
            "found",
            "permitted",
            "allowed",
            "supported",
            "implemented",
            "running",
            "available",
            "installed",
            "registered",
            "mounted",
            "defined",
            "a ",  # valid address, directory, TTY
        )
    ),
    "enied",
    "efused",
    "ejected",
    "imed out",
    "imed-out",
    "TIMEOUT",
    "TIMED",
    "imeout",
    "xception",
    "atal",
    "anic",
    "borted",
    "borting",
    "rashed",
    "orrupt",
    "nreachable",
    "nexpected",
    "nsupported",
    "nresponsive",
    "NotReady",
    "nready ",
    "Failed",
    "Failure",
    " Err",
    "\nErr",
    "nvalid",
    "llegal",
    "alformed",
    "nrecognized",
    "xhausted",
    "xceeded",
    "verflow",
    *(f"xit {status}" for status in range(1, 10)),
    "xit code",
    "xit status",
    "xited",
    "illed",
    "ut of ",
    "on-zero ",
    "onzero ",
    "o permission",
    '"success":',
    " on signal",
    "KubeletHas",
    "repeated too",
    " first",
    "must be ",
    "must not be ",
    "must run ",
    "ABORT",
    "sn't ",
    "ren't ",
    *(
        f"no {what} "
        for what in (
            "such",
            "suitable",
            "available",
            "valid",
            "matching",
            "route",
            "space",
            "running",
            "response",
            "healthy",
            "free",
            "compatible",
            "supported",
        )
    ),
    "not yet ",
    *(
        f"not {what}"
        for what in (
            "re",  # ready, reachable, responding, recognized, readable
            "healthy",
            "started",
            "initiali",
            "loaded",
            "exist",
            "match",
            "enough",
            "comp",
            "connected",
            "exported",
            "set up",
            "accessible",
            "writable",
            "open",
            "created",
            "active",
            "alive",
            "known",
        )
    ),
    "NOT ",
    "Not re",
    "Not ru",
    "Not found",
    "nhealthy",
    "navailable",
    "ismatch",
    "nsufficient",
    "issing",
    "orbidden",
    "nauthorized",
    "ncorrect",
    "onflict",
    "uplicate",
    "efusing",
    "tuck",
    "eadlock",
    "ndefined",
    "rash",
    "died",
    "Died",
    "egfault",
    " lost",
    "lost ",
    "Lost",
    "ave up",
    "iving up",
    "oops",
    "Oops",
    "nknown",
    *(
        f"too {how}"
        for how in (
            "many",
            "much",
            "la",
            "small",
            "long",
            "short",
            "old",
            "new",
            "few",
            "big",
            "low",
            "hi",
        )
    ),
    *(f"already {what}" for what in ("in use", "exist", "running", "allocated", "bound")),
    " required",
    "egraded",
    "DEGRADED",
    "blocked for",
    "went ",
    *(
        f"{what}{gap}{hundreds}"
        for what in ("tatus", "ode", "HTTP")
        for gap in (":", ": ", "=", " ")
        for hundreds in "45"
    ),
    "lxc-",
    "incus: ",
    "lxd: ",
    # A hint is weighed against the rest of its line (bugs/hints.py).
    *HINT_WORDS,
    *ERRNO_WORDS,
    WARNING_EVENT,
    # Objects nested so deep that reading them may fail.
    "}" * 24,
    "]" * 24,
    "]}" * 12,
)
_INVOCATIONS = ("invocation request",)
_CONTAINERS = (
    # The worker, 2022 and today.
    "was launched",
    "container successfully started",
    "Removing container",
    # containerd, once for each shim.
    "starting signal loop",
)
# Backreferences: only a change is a match, so steady containers cost nothing. Each pattern begins
# with fixed text, which the search runs on.
MEMORY_CHANGES = (
    re.compile(rb"new: (-?\d{1,9}); old: (?!\1;)(-?\d{1,9})"),
    re.compile(rb'"new_usage":\s?(-?\d{1,9}),\s?"old":\s?(?!\1\b)(-?\d{1,9})'),
)


def search_words(first: Sequence[Signature] = ()) -> tuple[str, ...]:
    """Every word that is searched for, as used by the comparison with grep."""
    own = sorted({word for s in first for word in required_literals(s.pattern)})
    return (*own, *failure_words(), *_REPORTED, *_INVOCATIONS, *_CONTAINERS)


_AT_START = tuple(word[1:].encode() for word in _REPORTED if word.startswith("\n"))


# To build it takes a twentieth of a second, as long as reading some megabytes; and it serves one
# thread at a time.
@lru_cache(maxsize=4)
def _search_for(words: tuple[str, ...], _thread: int) -> WordSearch:
    return WordSearch([word.encode() for word in words])


class Prefilter:
    """Finds the places of interest in blocks. Holds no state between calls.

    ``first``: signatures beside those of the table.
    """

    def __init__(self, first: Sequence[Signature] = ()) -> None:
        # What is told calmly is searched for whole: a part of it alone leaves a calm line calm.
        words = tuple(dict.fromkeys((*search_words(first), *TOLD_CALMLY)))
        self._search = _search_for(words, threading.get_ident())
        self._skipped = [len(word) - len(word.lstrip("\n")) for word in words]
        others = dict.fromkeys(_INVOCATIONS, Interest.INVOCATION)
        others |= dict.fromkeys(_CONTAINERS, Interest.CONTAINER)
        others |= dict.fromkeys(TOLD_CALMLY, Interest.TOLD_CALMLY)
        self._interests = [others.get(word, Interest.FAILURE) for word in words]

    def places(self, data: bytes) -> list[tuple[int, Interest]]:
        """Offsets into ``data`` and their interest, ascending."""
        found = [
            (start + self._skipped[word], self._interests[word])
            for start, word in self._search.find(data)
        ]
        if data.startswith(_AT_START):
            found.append((0, Interest.FAILURE))
        found += [(m.start(), Interest.SAMPLE) for p in MEMORY_CHANGES for m in p.finditer(data)]
        return sorted(found, key=_offset)


def _offset(place: tuple[int, Interest]) -> int:
    return place[0]
