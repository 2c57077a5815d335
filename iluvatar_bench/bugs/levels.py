"""The level that a logger wrote at the head of a line, whichever logger it was.

Loggers differ in what they put in front (stamps, threads, tags, process ids, units), hardly in the
words of their levels. So the head is read word by word, as long as its words are such: the first
level among them is the line's. A level that stands further in is part of the message.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Level(Enum):
    """What a level says of the line."""

    ERROR = "error"
    WARNING = "warning"
    CALM = "calm"


_ERRORS = (
    "error err erro eror fatal fata ftl critical crit severe panic pani pnc dpanic emerg emergency "
    "alert fail abort nerror"
)
_WARNINGS = "warn warning wrn nwarn"
_CALM = (
    "info inf information notice note debug dbg debu trace trc trac fine finer finest verbose "
    "ninfo ndebug ntrace"
)
_LEVELS = {
    **dict.fromkeys(_ERRORS.split(), Level.ERROR),
    **dict.fromkeys(_WARNINGS.split(), Level.WARNING),
    **dict.fromkeys(_CALM.split(), Level.CALM),
}
_LETTERS = {
    **dict.fromkeys("EFC", Level.ERROR),
    "W": Level.WARNING,
    **dict.fromkeys("IDTV", Level.CALM),
}
# pino and bunyan number their levels.
_NUMBERS = {"60": Level.ERROR, "50": Level.ERROR, "40": Level.WARNING}
_CALM_NUMBERS = frozenset({"10", "20", "30"})

_KEYS = (
    r"(?:level|lvl|severity|severity_text|log[._-]?level|levelname|levelName|LogLevel|@l|@level)"
)
_JSON = re.compile(rf"\"{_KEYS}\"\s{{0,4}}:\s{{0,4}}\"?(\w{{1,12}})")
# A key of MongoDB's is one letter.
# So does lager, Cloud Foundry's: debug, info, error, fatal.
_LAGER = re.compile(r"\"log_level\":([0-3]),")
_MONGO = re.compile(r"\{\"t\":\{\"\$date\":[^}\n]{1,60}\},\"s\":\"([A-Z])\d?\"")
_LOGFMT = re.compile(rf"{_KEYS}=\"?(\w{{1,12}})\"?\Z", re.IGNORECASE)
_KLOG = re.compile(r"([IWEFD])(?:\d{4}|\d{8})\Z")
# fail: Microsoft.AspNetCore.Server.Kestrel[13]
_CATEGORY = re.compile(r"(fail|crit|warn|info|dbug|trce): [\w.]{1,120}\[\d{1,6}\]")
_PAIR = re.compile(r"[\w.@-]{1,30}=")
_MESSAGE = re.compile(r"(?:msg|message|error|err|event|text)=")

_KERNEL_NEWS = re.compile(r"INFO: (?:task |rcu)")

_TOKEN = re.compile(
    r"\s{0,40}+(\[[^\]\n]{0,160}+\]|\([^)\n]{0,60}+\)|<[^>\n]{0,40}+>"
    r"|[\w.@-]{1,30}=\"[^\"\n]{0,120}+\""
    r"|\||[^\s|\[\]()<>]{1,160}+|.)"
)
# Airflow's {taskinstance.py:1937}, in front of the level.
_SOURCE = re.compile(r"\{[\w./-]{1,80}:\d{1,6}\}")
# Ray's [2022-04-13 13:46:39,948 E 74 74]: the level between the time and the process.
_LETTER_INSIDE = re.compile(
    r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{1,9} ([IWEFD])(?: \d{1,8}){2}\]"
)
# LocalStack's 2021-08-30T18:30:23:DEBUG:module: the level grown onto the stamp.
_GROWN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.,]{0,10}Z?:([A-Z]{4,8}):")
# The letter behind it says whether the line is whole: F is not fatal.
_CRI_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\S{8,30} std(?:out|err) [FP] ")
_MOST_TOKENS = 12
_HEAD = 320
_DECORATION = "[](){}<>|*#:;,.-=!>\"' "
_STAMP_WORD = re.compile(
    r"(?:[A-Z][a-z]{2,3}|[a-z]{3,5}\.|[AaPp]\.?[Mm]\.?|UTC|GMT|[A-Z]{3,4}|Z|-{1,4}|at|PID"
    r"|pid):?,?\Z"
)


# One line is asked about several times over.
@lru_cache(maxsize=16)
def level_of(line: str) -> Level | None:
    """The level at the head of a line; None where none stands there."""
    start = line.lstrip()[:1]
    if start == "{":
        return _of_object(line)
    category = _CATEGORY.match(line)
    if category:
        return _LEVELS.get(category.group(1), Level.CALM)
    stamp = _CRI_STAMP.match(line)
    end = stamp.end() if stamp else 0
    plain_words, stamped = 0, stamp is not None
    for count, found in enumerate(_TOKEN.finditer(line, end, _HEAD)):
        if found.start() != end or count >= _MOST_TOKENS:
            return None
        end = found.end()
        token = found.group(1)
        klog = _KLOG.match(token)
        if klog:
            return _LETTERS.get(klog.group(1))
        pair = _LOGFMT.match(token)
        if pair:
            return _named(pair.group(1))
        if _SOURCE.fullmatch(token):
            stamped = True
            continue
        if token.startswith("{"):
            return _of_object(line[found.start(1) :])
        # The kernel prefixes some of its worst news with INFO:
        if _MESSAGE.match(token) or token == "kernel:" or _KERNEL_NEWS.match(line, found.start(1)):
            return None
        if _PAIR.match(token):
            continue
        tabbed = "\t" in line[found.start() : found.start(1)] or line[end : end + 1] == "\t"
        level = _of_token(token, stamped=stamped, apart=tabbed or line[end : end + 1] == "|")
        if level is not None:
            return level
        if any(c.isdigit() for c in token) or token[0] in "[(<|" or _STAMP_WORD.match(token):
            stamped = stamped or any(c.isdigit() for c in token)
            continue
        plain_words += 1
        if plain_words > (3 if _is_a_name(token, line[end : end + 1]) else int(stamped)):
            return None
    return None


def _is_a_name(token: str, behind: str) -> bool:
    """Whether it is that of a host, a program (its process id stands behind it in brackets, but for
    conmon's, which is followed by the container's), or a logger's, which has dots."""
    return token == "conmon" or token[-1] in ":.]" or "." in token or "-" in token or behind == "["


def _of_object(text: str) -> Level | None:
    lager = _LAGER.search(text)
    if lager:
        return Level.ERROR if lager.group(1) in "23" else Level.CALM
    found = _JSON.search(text)
    if found:
        return _named(found.group(1))
    mongo = _MONGO.match(text)
    return _LETTERS.get(mongo.group(1)) if mongo else None


def _named(word: str) -> Level | None:
    if word.isdigit():
        return Level.CALM if word in _CALM_NUMBERS else _NUMBERS.get(word)
    return _LEVELS.get(word.lower())


def _of_token(token: str, *, stamped: bool, apart: bool) -> Level | None:
    word = token.strip(_DECORATION)
    if not word or (token[0] == "-" and token[1:2].isalpha()):
        # an option of a command: -info
        return None
    inside = _LETTER_INSIDE.fullmatch(token)
    if inside:
        return _LETTERS.get(inside.group(1))
    grown = _GROWN.match(token)
    if grown:
        return _LEVELS.get(grown.group(1).lower())
    bracketed = token[0] in "[(<"
    if bracketed:
        # [ERROR crate::module], [pool:e] and [main/ERROR]
        parts = re.split(r"[\s:/|]", word, maxsplit=8)
        word = next((p for p in parts if p.lower() in _LEVELS or p in _LETTERS), word)
        if word.endswith(":e"):
            # [conmon:e]
            return Level.ERROR
    if len(word) == 1:
        alone = bracketed or (stamped and len(token) == 1)
        return _LETTERS.get(word) if alone else None
    # INFO:werkzeug:
    word = word if bracketed else word.partition(":")[0]
    level = _LEVELS.get(word.lower())
    if level is None:
        return None
    if word.isupper() or bracketed or apart or stamped:
        return level
    return None
