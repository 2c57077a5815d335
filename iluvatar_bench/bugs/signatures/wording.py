r"""One wording of one class of failure, and the pieces that patterns are made of.

**Every pattern is cheap.** Every repeat is bounded, and possessive (``{1,300}+``, no way back)
unless what follows may begin inside it: the cost of a search grows with the length of the text and
with nothing else. A test reads the parse tree of each pattern and holds this.

**Texts arrive quoted.** logfmt, JSON and Rust's ``Debug`` put backslashes before quotes and write
``\n`` for a new line, several deep when one program passes on another's message. ``Q`` and ``NL``
stand for a quote and a new line at any such depth, ``B`` for the beginning of a word, also where
the ``n`` of such a new line touches it.

``versions`` names where the wording is known to occur; ``source`` is the file that writes it (in
containerd's tree as of 1.6) or a public report (``owner/repository#number`` on GitHub).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from iluvatar_bench.bugs.signatures.literals import required_literals
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

Q = r"\\{0,7}+[\"`']"
NL = r"(?:\r?\n|\\{1,7}+n)"
B = r"(?:\b|(?<=\\n))"

_MOST_MATCHES = 64
"""Of a pattern with ``near``, so many matches are looked around: an upper bound of the cost."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One wording of one class of failure.

    ``alternatives`` are the classes that the same words can mean, the likelier one first; with
    none, the words are ``certain``. ``near``: what must stand in the same line as well, at most
    ``within`` characters before or behind the match; ``unless``: what must not stand there, for
    then the words are about something else. ``told_calmly``: programs report this at a calm level,
    so the level does not clear the line. ``can_be_handled``: a program that reports
    this as a warning, or as optional, and goes on has not failed. ``by_number``: what matches is a
    number that a system gives an end or an error (an exit status, a signal, an errno, the status of
    an answer); which class such a number counts for is a convention, and words around it do not
    know better. ``words``: every match contains one of them, and what is ``near`` one of
    ``near_words``, if there are any.
    """

    bug_class: BugClass
    pattern: re.Pattern[str]
    versions: str
    source: str
    note: str = ""
    certainty: Certainty = Certainty.CERTAIN
    alternatives: tuple[BugClass, ...] = ()
    near: re.Pattern[str] | None = None
    within: int = 300
    unless: re.Pattern[str] | None = None
    told_calmly: bool = False
    can_be_handled: bool = False
    by_number: bool = False
    words: tuple[str, ...] = ()
    near_words: tuple[str, ...] = ()

    def may_occur(self, text: str) -> bool:
        """Whether a word is there; without one there is no match. A fiftieth of a search's cost."""
        return any(map(text.__contains__, self.words))

    def find(self, text: str) -> str | None:
        """The first match in ``text``, or None."""
        if not self.may_occur(text):
            return None
        if self.near is None:
            found = self.pattern.search(text)
            return found.group() if found else None
        if self.near_words and not any(map(text.__contains__, self.near_words)):
            return None
        for found in islice(self.pattern.finditer(text), _MOST_MATCHES):
            start, end = found.span()
            line = text.rfind("\n", 0, start) + 1
            ends = text.find("\n", end)
            window = text[
                max(line, start - self.within) : min(
                    ends if ends >= 0 else len(text), end + self.within
                )
            ]
            if self.near.search(window) and not (self.unless and self.unless.search(window)):
                return found.group()
        return None


def wording(
    bug_class: BugClass,
    pattern: str,
    versions: str,
    source: str,
    note: str = "",
    *,
    certainty: Certainty = Certainty.CERTAIN,
    alternatives: tuple[BugClass, ...] = (),
    near: str | None = None,
    within: int = 300,
    unless: str | None = None,
    told_calmly: bool = False,
    can_be_handled: bool = False,
    by_number: bool = False,
) -> Signature:
    """A signature from the text of its pattern.

    Files that are missing and start-up errors ``can_be_handled`` always.
    """
    compiled = re.compile(pattern)
    around = re.compile(near) if near is not None else None
    return Signature(
        bug_class,
        compiled,
        versions,
        source,
        note,
        certainty,
        alternatives,
        around,
        within,
        re.compile(unless) if unless is not None else None,
        told_calmly,
        can_be_handled or bug_class in (BugClass.MISSING_PACKAGES, BugClass.STARTUP_ERROR),
        by_number,
        tuple(sorted(required_literals(compiled))),
        _words_of(around),
    )


def _words_of(near: re.Pattern[str] | None) -> tuple[str, ...]:
    """Empty where there is no pattern, or one that may match without any fixed word."""
    try:
        return tuple(sorted(required_literals(near))) if near is not None else ()
    except ValueError:
        return ()
