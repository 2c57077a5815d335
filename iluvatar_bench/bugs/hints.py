"""Words that an error may be told in, and that calm sentences have too.

For lines without a level in which :mod:`.error_marks` finds nothing. A hint alone says little, a
faint one hardly more than that the line is a sentence: that it is an error is for all its words to
say, see :func:`.resemblance.resemblance`.
"""

from __future__ import annotations

from iluvatar_bench.bugs.error_marks import is_harmless, without_none
from iluvatar_bench.bugs.levels import level_of
from iluvatar_bench.bugs.signatures.literals import prefiltered

_NOT_ZERO = r"[\"']?(?:=>|[=:(]| is| of| was)?[ \"'(]{0,3}-?[1-9]\d{0,2}\b(?![.%]\d)"
_STATUS = (
    r"\b[Ee]xit[ _-]?[Cc]ode|\b[Ee]xit[ _-]?[Ss]tatus|EXIT[ _]CODE|EXIT[ _]STATUS"
    r"|\b[Rr]eturn[ _-]?code|\b[Rr]etval|\bretcode|\berrno"
)
# Few alternatives behind a common beginning: of too many only the beginning is searched for in a
# log, and "bad " is in every second id.
_HINT = prefiltered(
    # not the digits of an id
    r" (?:[Dd]ead|DEAD)\b|[=\"'](?:[Dd]ead|DEAD)\b"
    r"|\b(?:(?:erl_)?[Cc]rash(?:ed|es|ing|_dump)?|CRASH(?:ED|ING|LOOP)?|[Aa]bort(?:ed|ing|s)?"
    r"|ABORT(?:ED|ING)?|STOPPED|LOST|KILLED|UNKNOWN|OFFLINE|offline|UNHEALTHY|FAULT|faulted|DOWN"
    r"|terminated|TERMINATED|[Kk]illing|[Cc]ancell?ed|CANCELL?ED|[Ee]victed|[Pp]reempted"
    r"|[Dd]isconnected|[Dd]ropped|closed|reset by peer|[Oo]rphaned|[Aa]bandon(?:ed|ing)"
    r"|[Tt]hrottl(?:ed|ing)|OOM|hung|hangs|stopped with|gave up|giving up|[Nn]ot started"
    r"|[Nn]ot be|[Nn]ot been|[Nn]ever|gone|[Ss]tale|[Ee]xpired|EXPIRED|[Oo]utdated|[Bb]roken"
    r"|[Ww]rong|instead of|[Nn]ot enough|no longer|[Nn]o more|exited without|needs? to|[Tt]oo many"
    r"|[Ee]xceed(?:s|ing)?|[Oo]verload(?:ed)?|[Bb]usy|[Bb]ad request|DENIED|REFUSED|REJECTED"
    r"|INVALID|MISSING|UNREACHABLE|[Uu]nable|[Nn]othing|[Ii]ncompatible|[Mm]isconfigured"
    r"|[Ii]mpossible|only supported|used only|[Aa]mbiguous"
    r"|should be (?:larger|smaller|less|greater)|ha(?:s|ve) to be run|not (?:using|listening)"
    r"|[Aa]ddress in use|is already attached|[Nn]o network settings|cgroup is not empty"
    r"|[Ii]ncomplete|[Ii]nterrupted|[Vv]iolation|fail|parameter not set"
    r"|[Cc]orruption|[Aa]bnormal(?:ly)?|[Uu]ninitiali[sz]ed|panicking|vanished"
    r"|[Bb]ad substitution|[Bb]ad variable"
    r"|(?:not|NOT) (?:successful|SUCCESSFUL)|SIG(?:SEGV|ILL|BUS|ABRT"
    r"|KILL))\b"
    r"|\bfirst(?:\.|;|,|!)|\b[Ee]xited\b(?!\"|(?: with)?(?: code| status)? ?\(?0)|\b[Ee]rrored\b"
    r"|n't (?:start|run|work|connect|open|find|load|read|write|create)\b"
    r"|\bno (?:\w{3,9} )?(?:healthy|started|live|usable) \w"
    r"|\b[Bb]ad (?:rule|config|file|gateway|magic|address|format|state)\b"
    r"|\b[Bb]ad (?:option|value|argument|response|token|credential|interpreter|superblock)"
    rf"|(?:{_STATUS}){_NOT_ZERO}|\brc=-?[1-9]|\bcode=exited"
    r"|\breturned -?[1-9]\d{0,2}\b|\bHTTP/[\d.]{1,3} [45]\d\d\b|\b0x80[0-9a-fA-F]{6}\b"
    r"|\b0x[cC]0[0-9a-fA-F]{6}\b"
)
_RANGE = 400

# Fainter than a hint: what makes a sentence of a line, and words that complaints have more often
# than news.
_FAINT = prefiltered(
    r" (?:was|has|is|are|than|must|only|already|not|no|down|without) "
    r"|\b(?:Not|No|no|Bad|Only) |n't\b|\b[Nn]obody |[Ss]tack|[Pp]ressure|[Rr]equires? "
    r"|[Rr]equired\b|[Dd]umped|[Cc]ancel"
    r"|[Dd]eleted|[Dd]eletion|[Kk]ill|[Ss]topped|[Ss]kipping|[Bb]anned|[Ll]onger|[Oo]lder"
    r"|[Ss]egmentation|[Mm]inimum|[Uu]sed up| sig=| exit|\"exit\"|exit_code|in-use|out-of-"
    r"|\bran out|went away|by itself|[Ee]mpty reply|Exception\b|Denied|reached\b|rescinded"
    r"|[Uu]nknown|Invalid"
)
HINT_WORDS = tuple(sorted({*_HINT.words, *_FAINT.words}))
"""One of these is in every line that hints at an error, however faintly."""


def hinting_line(text: str) -> str | None:
    """The first line of ``text`` without a level that may be an error by one of its words."""
    return next((line for line in text.split("\n") if _hints(line)), None)


def faintly_hinting_line(text: str) -> str | None:
    """The first line of ``text`` without a level that could be a complaint at all."""
    return next((line for line in text.split("\n") if _hints_faintly(line)), None)


def _hints_faintly(line: str) -> bool:
    head = line[:_RANGE]
    if not _FAINT.occurs_in(head) or is_harmless(head) or not _FAINT.occurs_in(without_none(head)):
        return False
    return level_of(line) is None


def _hints(line: str) -> bool:
    head = line[:_RANGE]
    # Its words are so many that to look for them first saves nothing.
    search = _HINT.pattern.search
    if search(head) is None or is_harmless(head) or search(without_none(head)) is None:
        return False
    return level_of(line) is None
