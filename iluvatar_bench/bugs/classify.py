"""Text to bug class: what an error message, a log line or a block of either says went wrong.

Pure and total: any text gives an answer, in time proportional to its length. What the *cause* was
(the snapshot collected, a neighbour's Kill, the function's own error) is not in the text; that is
judged from evidence in :mod:`iluvatar_bench.bugs.attribute`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from iluvatar_bench.bugs.error_marks import (
    WARNING_EVENT,
    error_line,
    failing_line,
    warnings_of_failure,
)
from iluvatar_bench.bugs.handled import does_without, without_handled
from iluvatar_bench.bugs.hints import faintly_hinting_line, hinting_line
from iluvatar_bench.bugs.levels import Level, level_of
from iluvatar_bench.bugs.noise import is_noise
from iluvatar_bench.bugs.python_modules import Whose, whose_module
from iluvatar_bench.bugs.resemblance import resemblance, speaking_for
from iluvatar_bench.bugs.signatures import BROAD, BY_OBJECT, SIGNATURES, Signature
from iluvatar_bench.bugs.signatures.by_object import ASIDE
from iluvatar_bench.bugs.signatures.candidates import Candidates
from iluvatar_bench.bugs.signatures.missing_files import (
    PYTHON_MODULES,
    is_of_the_run,
    names_of_the_run,
)
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

MATCHED_LIMIT = 300
"""Most characters of a match that a classification keeps."""

_READ_OF_A_LINE = 4_000
_SHORT = 1_500
_FEW_LINES = 8
"""A text of no more is weighed as a whole: of several lines the first that complains is often not
the one that says what of."""

# How much surer than what was told the words must be of another class, of 1; found with one set of
# reports left out at a time, see docs/classify.md.
_HEAD_START = {
    # With a share of one at most, nothing speaks against what is certain.
    Certainty.CERTAIN: 1.0,
    Certainty.LIKELY: 0.65,
    Certainty.POSSIBLE: 0.4,
}
_HEAD_START_OF_NONE = 0.45
_HEAD_START_OF_PROSE = 0.95
"""A sentence without a level may be prose, and with a class that is likely it counts as a failure.
Found like the others, a class that is only possible is named for it as well."""
_HEAD_START_OF_POSSIBLE_PROSE = 0.3
_MOST_HEALTHY = 0.6
"""So much, of 1, may a sentence with no more than a hint of an error resemble healthy ones."""
_MOST_HEALTHY_OF_FAINT = 0.12
"""So much where even the hint is faint."""
_MOST_HEALTHY_OF_WARNINGS = 0.15
"""So much may what stands behind the level of a warning."""
_MOST_HEALTHY_WHOLE = 0.7
"""So much may a warning with its head."""
_MOST_HEALTHY_OF_SHAPES = 0.9
"""So much may a text of no level that has a broad wording."""
_IS_LIKELY = 0.6


@dataclass(frozen=True, slots=True)
class Classification:
    """The class of a text, and what in the text decided it.

    ``bug_class`` is None for a text that reports no failure, and ``unclassified`` for one that its
    program marks as an error and whose words no signature knows, ``signature`` is then None, or
    that is known to be of no class.
    ``matched`` is the deciding text, at most :data:`MATCHED_LIMIT` characters; empty where nothing
    failed. ``alternatives``: the classes that the same words can mean, where ``certainty`` is not
    ``certain``. ``by_words``: the words that decided where no signature did, or none that is more
    than possible, see :mod:`.resemblance`.
    """

    bug_class: BugClass | None
    signature: Signature | None = None
    matched: str = ""
    certainty: Certainty = Certainty.CERTAIN
    alternatives: tuple[BugClass, ...] = ()
    by_words: tuple[str, ...] = ()

    @property
    def known(self) -> BugClass | None:
        """The class, None also for an error that no signature knows."""
        return None if self.bug_class is BugClass.UNCLASSIFIED else self.bug_class

    @property
    def symptom(self) -> BugClass | None:
        """The class for a reader who has evidence: whether a missing module was lost is judged from
        it (:mod:`iluvatar_bench.bugs.attribute`), so the module's being missing is the symptom. A
        class by the object alone says less than what was seen: it is None here."""
        if self.signature is None or self.signature in BY_OBJECT:
            return None
        if self.by_words:
            return self.signature.bug_class
        if self.alternatives[:1] == (BugClass.MISSING_PACKAGES,):
            return BugClass.MISSING_PACKAGES
        return self.known


NO_FAILURE = Classification(None)
_CANDIDATES = Candidates(SIGNATURES)

# .NET's console writes a level and a category in a line, and the message in the next.
_HANGING = "]\n      "
_HEAD_ALONE = re.compile(
    r"(?m:^)((?:fail|crit|warn|info|dbug|trce): [\w.]{1,120}\[\d{1,6}\])\n {6}(?=\S)"
)
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}m")

# A level counts only where a logger writes it: at the head of a line, behind what journald, syslog
# or the CRI put in front. Further in, it is part of a message that quotes another program's log.
_CALM_LINE = re.compile(
    r"""
    # in front: syslog or journald, then the CRI's own stamp
    (?:<\d{1,3}>)?(?:1\ \d{4}-\d\d-\d\dT\S{8,30}\ \S{1,64}\ \S{1,64}\ \S{1,20}\ \S{1,40}
        \ (?:-|\[[^\]\n]{1,400}\])\ )?
    (?:(?:[A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30})
        \ \S{1,64}\ [\w.@/:-]{1,64}(?:\[\d{1,10}\])?:\ |[\w.@/:-]{1,64}\[\d{1,10}\]:\ )?
    (?:\d{4}-\d\d-\d\dT\S{8,30}\ std(?:out|err)\ [FP]\ )?
    (?:
        # [2022-07-08 15:59:16.127772 -04:00] [DEBUG]: the worker of 2022; gunicorn adds a pid
        \[\d{4}-[^\]\n]{6,40}\]\ (?:\[\d{1,10}\]\ )?\[(?:INFO|DEBUG|TRACE)\s{0,2}\]
        # 2022-07-08T15:59:16Z  INFO: Rust's tracing and env_logger, many Python set-ups
      | \[?\d{4}-\d\d-\d\d[\ T][\d:.,]{8,20}\S{0,7}\ {1,3}\[?(?:INFO|DEBUG|TRACE)\b
        # logfmt: containerd, runc, CRI-O
      | (?:time|ts)=(?:"[^"\n]{1,60}"|\S{1,60})\ level=(?:info|debug|trace)\b
        # klog: kubelet
      | I\d{4}\ \d\d:\d\d:\d\d\.\d{3,9}\ {1,8}\d
        # logrus on a terminal: ctr, nerdctl
      | (?:INFO|DEBU|TRAC)\[\d{4}
        # INFO:werkzeug: Python's basicConfig
      | (?:INFO|DEBUG):[\w.-]{1,80}:
        # Kubernetes events, with or without their age in front
      | \s{0,40}(?:\d\S{0,20}\s{1,20})?Normal\s
        # a JSON object, but not the client's error document { "Error": ... }
      | (?P<json>\{\s{0,20}"(?!Error"))
    )
    """,
    re.VERBOSE,
)
# Only a key of the object itself: inside a string every quote has a backslash before it.
_JSON_LEVEL = re.compile(r"\"level\"\s{0,4}:\s{0,4}\"(\w{1,10})\"")
_CALM_LEVELS = frozenset({"info", "debug", "trace"})


TOLD_CALMLY = tuple({word for s in SIGNATURES if s.told_calmly for word in s.words})
"""Words of the failures that programs report at a calm level."""


def is_calm(line: str) -> bool:
    """Whether a log line carries a level that reports no failure: info, debug or trace.

    A line without a level is not calm. Kubernetes events of type ``Normal`` are, and those of type
    ``Warning`` are not, at whatever level they are logged.
    """
    if WARNING_EVENT in line:
        return False
    head = _CALM_LINE.match(line)
    if head is None:
        return line[:1] != "{" and level_of(line) is Level.CALM
    if head["json"] is None:
        return True
    # encoding/json sorts its keys, so "level" may stand behind a long "error".
    level = _JSON_LEVEL.search(line)
    if level is not None:
        return level.group(1).lower() in _CALM_LEVELS
    return level_of(line) is Level.CALM


def classify_text(text: str, *, first: Sequence[Signature] = ()) -> Classification:
    """The class of ``text``: an error message, a log line, or a block of several.

    Calm lines (see :func:`is_calm`) are left out, each by itself: what follows one, say a traceback
    below a program's last INFO line, is judged. So are lines that are known to harm nobody. Of the
    rest, the first signature of the table that occurs anywhere decides, unless it is a broad one
    and all words say clearly otherwise; missing files that the program got over by itself do not.
    Where none occurs, what could not be done to what decides, and else the words; an error of which
    they say nothing is ``unclassified``, and so is a line without a level that by its words is one.
    Never raises.
    ``first`` are further signatures, tried before the table.

    By text alone it is not certain whether a missing module was lost or never shipped: the
    classification then is ``likely``, and names the other class.
    """
    text = _plain(text)
    lines = text.split("\n")
    loud = [line for line in lines if not is_calm(line)]
    candidates = _CANDIDATES.of(text)
    told_calmly = any(s.told_calmly for s in candidates)
    if not (told_calmly or any(loud)):
        return NO_FAILURE
    parts = _Parts(lines, loud, told_calmly=told_calmly)
    decided = _by_table(parts, candidates, first)
    if decided is not None:
        return decided
    if not parts.judged:
        return NO_FAILURE
    line = error_line(parts.judged)
    if line is not None:
        return _of_object(line, parts.judged, _HEAD_START_OF_NONE)
    line = failing_line(parts.unhandled) or _doubtful_line(parts.unhandled)
    if line is None:
        return _warned_of(loud)
    return _of_object(line, parts.unhandled, _HEAD_START_OF_PROSE)


class _Parts:
    """The lines of a text that are judged: all that are loud and no noise."""

    def __init__(self, lines: Sequence[str], loud: Sequence[str], *, told_calmly: bool) -> None:
        self.judged = "\n".join(line for line in loud if not is_noise(line))
        self._whole = self.judged
        if told_calmly:
            self._whole = "\n".join(line for line in lines if not is_noise(line))

    @cached_property
    def unhandled(self) -> str:
        """Without what its program got over by itself."""
        return without_handled(self.judged)

    def of(self, signature: Signature) -> str:
        """What ``signature`` is looked for in."""
        if signature.told_calmly:
            return self._whole
        return self.unhandled if signature.can_be_handled else self.judged


def _by_table(
    parts: _Parts, candidates: Sequence[Signature], first: Sequence[Signature]
) -> Classification | None:
    """What the first signature says that occurs, and, if it is a broad one, all the words."""
    for signature in (*first, *candidates):
        where = parts.of(signature)
        found = signature.find(where) if where else None
        if found is None or is_of_the_run(signature, found, where):
            continue
        decided = _decided(signature, found[:MATCHED_LIMIT], where)
        if signature in first or signature not in BROAD:
            return decided
        line = _line_of(found, where)
        weighed = _weighable(where, line)
        if not _only_warned(line) and not _tells_of_health(weighed):
            return _weighed(decided, weighed)
    return None


def _plain(text: str) -> str:
    """``text`` without colours, and with a level in the same line as its message."""
    if "\x1b" in text:
        text = _ANSI_COLOUR.sub("", text)
    if _HANGING in text:
        text = _HEAD_ALONE.sub(r"\1 ", text)
    return text


def _only_warned(line: str) -> bool:
    """Whether a line with the words of a failure is a warning, and more like those of health."""
    return level_of(line) is Level.WARNING and resemblance(line).healthy > _MOST_HEALTHY_WHOLE


def _tells_of_health(text: str) -> bool:
    """Whether a text of no level hardly can be a failure, though it has a failure's shape."""
    if any(map(level_of, text.split("\n"))):
        return False
    return resemblance(text).healthy > _MOST_HEALTHY_OF_SHAPES


def _doubtful_line(text: str) -> str | None:
    """A line that a word makes doubtful, if all the words of ``text`` are those of a failure."""
    line, most = hinting_line(text), _MOST_HEALTHY
    if line is None:
        line, most = faintly_hinting_line(text), _MOST_HEALTHY_OF_FAINT
    return line if line is not None and resemblance(text).healthy <= most else None


def _warned_of(lines: Sequence[str]) -> Classification:
    """The class of a failure of which its program only warns."""
    for line, message in warnings_of_failure(lines):
        if is_noise(line) or does_without(line) or _only_warned(line):
            continue
        if resemblance(message).healthy <= _MOST_HEALTHY_OF_WARNINGS:
            return _of_object(line, line, _HEAD_START_OF_PROSE)
    return NO_FAILURE


def _of_object(line: str, text: str, head_start: float) -> Classification:
    """The class of an error that no wording knows, by what could not be done to what, else by the
    words of ``text``, which ``line`` is of; ``head_start``: of knowing none."""
    head = line[:_READ_OF_A_LINE]
    weighed = _weighable(text, head)
    for signature in BY_OBJECT if ASIDE.search(head) is None else ():
        found = signature.find(head)
        if found is not None:
            decided = _decided(signature, found[:MATCHED_LIMIT], line)
            return _weighed(decided, weighed) if signature in BROAD else decided
    unknown = Classification(BugClass.UNCLASSIFIED, None, line[:MATCHED_LIMIT])
    decided = _weighed(unknown, weighed, head_start)
    if decided is not unknown or head_start != _HEAD_START_OF_PROSE:
        return decided
    doubtful = _weighed(unknown, weighed, _HEAD_START_OF_POSSIBLE_PROSE)
    return replace(doubtful, certainty=Certainty.POSSIBLE) if doubtful.by_words else unknown


def _weighable(text: str, line: str) -> str:
    """What is weighed of ``text``, where ``line`` of it decided."""
    return text if len(text) <= _SHORT and text.count("\n") < _FEW_LINES else line


def _line_of(found: str, text: str) -> str:
    """The line of ``text`` that ``found`` begins in."""
    at = text.find(found)
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)]


def _weighed(told: Classification, text: str, head_start: float | None = None) -> Classification:
    """What all words of ``text`` speak for, if they speak clearly enough against ``told``.

    How clearly depends on how sure that is, unless ``head_start`` says it.
    """
    if head_start is None:
        head_start = _HEAD_START[told.certainty]
    seen = resemblance(text)
    own = told.bug_class or BugClass.UNCLASSIFIED
    bug_class, share = seen.preferred(own, head_start)
    if bug_class in (own, BugClass.UNCLASSIFIED):
        return told
    # Whose a missing file is, no text says, and which of its classes a number counts for is a
    # convention: words do not know better.
    by_number = told.signature is not None and told.signature.by_number
    if bug_class in told.alternatives and (own is BugClass.MISSING_PACKAGES or by_number):
        return told
    if bug_class is BugClass.MISSING_PACKAGES and names_of_the_run(text):
        return told
    spoken_for = (other for other, _ in seen.shares[:2] if other is not BugClass.UNCLASSIFIED)
    # Of no class is something that a wording can say; that none was found is not.
    others = (None if told.signature is None else own, *told.alternatives, *spoken_for)
    return Classification(
        bug_class,
        told.signature,
        told.matched,
        Certainty.LIKELY if share >= _IS_LIKELY else Certainty.POSSIBLE,
        tuple(c for c in dict.fromkeys(others) if c not in (None, bug_class)),
        speaking_for(text, bug_class),
    )


def _decided(signature: Signature, matched: str, text: str) -> Classification:
    whose = whose_module(text) if signature in PYTHON_MODULES else None
    match whose:
        case Whose.APPLICATION:
            bug_class, certainty = BugClass.STARTUP_ERROR, Certainty.LIKELY
            alternatives: tuple[BugClass, ...] = (BugClass.MISSING_PACKAGES,)
        case Whose.INSTALLED | Whose.UNKNOWN:
            bug_class, certainty = BugClass.MISSING_PACKAGES, Certainty.LIKELY
            alternatives = (BugClass.STARTUP_ERROR,)
        case _:
            bug_class, certainty = signature.bug_class, signature.certainty
            alternatives = signature.alternatives
    return Classification(bug_class, signature, matched, certainty, alternatives)
