"""What programs mark as an error, in the manner of each logger.

For errors whose words no signature knows: they are ``unclassified``, never nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from iluvatar_bench.bugs.calm_sentences import is_calm_sentence
from iluvatar_bench.bugs.event_lines import is_warning_event
from iluvatar_bench.bugs.levels import Level, level_of
from iluvatar_bench.bugs.signatures.literals import prefiltered

# In front: syslog or journald (RFC 3164, ISO stamps, RFC 5424), dmesg, the CRI's stamp, the event's
# age.
_FRONT = r"""
    (?:(?:<\d{1,3}>)?(?:[A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30})
        \ \S{1,64}\ [\w.@/:-]{1,64}(?:\[\d{1,10}\])?:\ |\ ?[\w.-]{1,40}\[\d{1,10}\]:\ )?
    (?:<\d{1,3}>1\ \S{1,40}\ \S{1,64}\ \S{1,64}\ \S{1,20}\ \S{1,40}\ -\ )?
    (?:\d{4}-\d\d-\d\dT\S{8,30}\ std(?:out|err)\ [FP]\ )?
"""
_MARK = re.compile(
    _FRONT
    + r"""
    (?:
        # logfmt: logrus, slog
        (?:(?:time|ts)=(?:"[^"\n]{1,60}"|\S{1,60})\ )?level=(?:error|fatal|panic|ERROR|FATAL)\b
        # klog
      | [EF]\d{4}\ \d\d:\d\d:\d\d
        # logrus on a terminal
      | (?:ERRO|FATA|PANI)\[\d{1,8}\]
        # command lines: Error: x, docker: Error response, ctr: x, npm ERR!
      | (?:[\w.-]{1,30}:\ )?(?:Error|ERROR|error|FATAL|[Ff]atal\ error|FATAL\ ERROR)
        (?:\ response\ from\ daemon)?:\ \S
      | (?:ctr|crictl|nerdctl|runc|crun|youki|runsc|podman|containerd):\ \S
      | (?:lxc(?:-\w{2,20})?|lxd|incus):\ [^\n:]{1,80}:\ [\w/.]{1,60}\.c:\ \w
      | npm\ ERR!
        # Rust, env_logger, Python, nginx and others: a stamp, then the level
      | \[?\d{4}[/-]\d\d[/-]\d\d[\ T][\d:.,]{8,24}\S{0,7}\]?\ {1,3}(?:\[[^\]\n]{0,80}\]\ ){0,2}
        \[?(?:ERROR|FATAL|CRITICAL|emerg|alert|crit|error)\b
      | \[\d{4}-[^\]\n]{6,40}\]\ (?:\[\d{1,10}\]\ )?\[(?:ERROR|FATAL|CRITICAL)
      | \[(?:ERROR|FATAL|CRITICAL)\b
      | (?:ERROR|FATAL|CRITICAL)(?::|\ {1,4}[\w:.]{1,80}:)
        # nuclio
      | \d\d\.\d\d\.\d\d\ \d\d:\d\d:\d\d\.\d{3}\ \(E\)
        # conmon
      | (?:conmon\ )?[\w\ :]{0,80}<(?:error|nerror)>:
    )
    """,
    re.VERBOSE,
)
_JSON_MARK = re.compile(
    r"\"(?:level|severity|lvl|log\.level|levelname)\"\s{0,4}:\s{0,4}"
    r"\"(?:error|fatal|panic|dpanic|critical|alert|emergency|err)\"",
    re.IGNORECASE,
)
# The fields behind a message of no level: an error that is told, and not null.
_FIELD = re.compile(r"\"(?:error|err|errorMessage)\": ?\"(?=[^\"\n]{3})(?!nil|null|none|false)")
_PRIORITY = re.compile(r"\"PRIORITY\"\s{0,4}:\s{0,4}\"[0-3]\"")
_RFC5424 = re.compile(r"<(\d{1,3})>1? ?")
# Of systemd and the kernel only what is about containers and what runs them.
_UNITS = re.compile(
    r"systemd\[\d{1,10}\]: [^\n]{0,40}"
    r"(?:docker|containerd|crio|libpod|faasd|k3s|kubelet|podman|nerdctl|buildkit|openfaas|fn)"
    r"[^\n]{0,120}: (?:Failed with result|Main process exited, code=(?:killed|dumped"
    r"|exited, status="
    r"[1-9])|[^\n]{0,40}timed out)|\(code=(?:killed|dumped|exited, status=[1-9])"
    r"|\bActive: (?:failed|activating \(auto-restart\) \(Result: (?!success))"
)
_KERNEL = re.compile(
    r"(?:kernel: |\A)(?:\[[^\]\n]{1,20}\] ?)?"
    r"(?:(?:watchdog: )?BUG:|Oops|Kernel panic|INFO: task |WARNING: CPU: \d{1,4} PID: |RIP: 0010:"
    r"|rcu: INFO: |INFO: rcu_)"
)
WARNING_EVENT = "type: 'Warning' reason: "
"""So client-go's recorder logs at level info what it tells as a warning."""
_STATUS = re.compile(r"\brpc error: code = (?!OK\b|Canceled\b)\w")
# A line of no logger that begins with what could not be done, behind a stamp perhaps.
_COULD_NOT = re.compile(
    r"(?!\s{0,8}\W?(?:WARN|Warn|warn))"
    r"(?:\[?[\dT/: .,+-]{8,40}Z?\]? {1,3})?(?:\w{1,20}: )?"
    r"(?:[Ff]ailed to |FAILED|[Ee]rror |[Uu]nable to |[Cc]annot |[Cc]ould not |[Ff]atal)"
    r"|[^\n]{0,80} - error |(?:[^\n\"]{0,120}[\s\]>:])?(?:[Ee]rror|ERROR|[Ff]atal|FATAL"
    r"|FAILED): (?!(?:none|null|nil|None|no|0)\b)\S"
    r"|\[\d{1,2}\] System error"
)
_PROBE = re.compile(r"I\d{4} \d\d:[^\n]{20,80}\"Probe failed\"|[Pp]robe \w{2,12} failed")


# The C library's words for what a call returned, where a program ends with them.
_ERRNO = (
    r": (?:File exists|(?:Is|Not) a directory|Operation not (?:permitted|supported)"
    r"|Bad (?:file descriptor|address)|Broken pipe|Device or resource busy|Exec format error"
    r"|Text file busy|Argument list too long|File (?:name )?too (?:long|large)"
    r"|Inappropriate ioctl for device|No such (?:process|device)|Function not implemented"
    r"|(?:Input/output|Protocol) error|Invalid (?:argument|cross-device link)|Stale file handle"
    r"|Too many (?:links|levels of symbolic links|users)|Connection (?:reset by peer|timed out)"
    r"|Network is (?:down|unreachable)|Host is down|No route to host|Message too long"
    r"|Cannot allocate memory|Directory not empty|Protocol not available|Permission denied)"
    r"(?:$|[\s.,;:)\]\"'])"
)
ERRNO_WORDS = prefiltered(_ERRNO).words
# A line of no level that says in its middle what did not work.
_SAYS = re.compile(
    _ERRNO + r"|"
    r"\b(?:[Ff]ail(?:ed|s|ing)?|FAILED|[Uu]nable) (?:to )?[\w'\"]"
    r"|(?:[Ff]ailed|FAILED)(?: ?[.!]?$|[:;,(] ?|\"[,}\s]| {2,}| ?->|-to-)"
    r"|[Ff]ailure\b"
    r"|\b(?:[Cc]an ?not|[Cc]an't|[Cc]ould(?: not|n't)|[Dd]id(?: not|n't)|[Ww]ill not) \w"
    r"|\b(?:does(?: not|n't) (?:exist|have|support|allow|contain)|No such \w|: no such \w"
    r"|not (?:found|permitted|allowed"
    r"|supported|implemented|running|available|installed|registered|mounted|defined|a (?:valid"
    r"|directory|TTY|tty|file|mount ?point|block device)))|[Nn]o permissions?\b|\"success\": ?false"
    r"|\bterminat(?:ing|ed) on signal|KubeletHas(?:Insufficient|DiskPressure)"
    r"|[Dd]enied\b|[Rr]efused\b|[Rr]ejected\b|[Tt]imed[ -]out|TIMED? ?OUT|[Tt]imeout\b"
    r"|\b(?:[Ee]xception|[Ff]atal|[Pp]anic(?:ked)?|[Aa]borted|[Aa]borting|[Cc]rashed"
    r"|[Cc]orrupt(?:ed)?"
    r"|[Uu]nreachable|[Uu]nexpected(?:ly)?|[Uu]nsupported|[Uu]nresponsive|[Ii]nvalid|[Ii]llegal"
    r"|[Mm]alformed|[Uu]nrecognized|[Ee]xhausted|[Ee]xceeded|[Oo]verflow)\b"
    r"|(?<![\w/-])(?:[Ee]rrors?|ERROR)(?![\w/-])|[a-z]Error\b"
    r"|\b[Ee]xit(?:ed)?(?: with)?(?: code| status)?:? [1-9]|\bnon-?zero (?:exit|code|status|return)"
    r"|[Ss]tatus \"failed\"|\bmust (?:be )?(?:run (?:as|with) )?root\b"
    r"|\bE[A-Z]{4,12}\b: |[Oo]ut of (?:memory|space|range|disk)|[Kk]illed\b"
    # the columns and conditions of kubectl and crictl
    r"|\bNotReady\b|NotReady$|\bunready\b|\b(?:Failed|Err)[A-Z]\w{3,30}\b"
    r"|\b[A-Z]\w{3,30}(?:Failed|Failure|Missing)\b"
    r"|please \w{2,12} (?:it|them) first|must be (?:stopped|removed|unmounted)|Mounts denied"
    r"|\b(?:isn't|wasn't|weren't|hasn't|doesn't) \w|\bno (?:such|suitable|available|valid|matching"
    r"|route"
    r"|space|running|response|healthy|free|compatible|supported) \w"
    r"|\bnot (?:yet )?(?:ready|reachable|responding|respond|healthy|started|initialized|initialised"
    r"|loaded|exist|match|enough|recognized|recognised|compatible|connected|complete|exported"
    r"|set up"
    r"|accessible|writable|readable|open|created|active|alive|known)\b"
    r"|\b(?:[Uu]nhealthy|[Uu]navailable|[Mm]ismatch(?:ed)?|[Ii]nsufficient|[Mm]issing|[Ff]orbidden"
    r"|[Uu]nauthorized|[Ii]ncorrect|[Cc]onflict(?:s|ing)?|[Dd]uplicate|[Rr]efusing|[Ss]tuck"
    r"|[Dd]eadlock"
    r"|[Uu]ndefined|[Cc]rash(?:es|ing)?|[Dd]ied|[Ss]egfault|[Ll]ost|[Gg]ave up|[Gg]iving up|[Oo]ops"
    r"|[Uu]nknown)\b|\btoo (?:many|much|large|small|long|short|old|new|few|big|low|high)\b"
    r"|\balready (?:in use|exists|exist|running|allocated|bound)\b|blocked for more than"
    r"|\bmust (?:not )?be (?:set|specified|defined|provided|an?|at least|in|of|one)\b"
    r"|\b(?:is|are) required\b|[Cc]rash ?[Ll]oop"
    r"|\b(?:NOT|Not) (?:ready|READY|running|found)\b|\b(?:Degraded|DEGRADED"
    r"|[A-Z]\w{3,30}Unhealthy)\b"
    r"|repeated too quickly|must (?:be )?run from"
    r"|went \w{0,12} ?wrong|\b(?:[Ss]tatus|[Cc]ode|HTTP)(?:: ?|=| )[45]\d\d\b"
)
# A field or a count that says that there was none, a name or a limit that sounds like an error:
# what stands beside it may yet be one.
_NONE = re.compile(
    r"\b[\w.-]{1,40}\"?[=:]{1,2} ?(?:[Ff]alse\b|0\b|null\b|None\b|nil\b|none\b|no\b(?! \w)|\"\")"
    r"|(?:\b[Nn]o|\bwithout|\b0|\bzero|\bany|\bon|\bif) "
    r"(?:errors?|failures?|failed|timeouts?|corruption|abnormal)\b"
    r"|\b(?:errors?|failed|failures|failure|timeouts?|rejected|denied|abnormal exits)[ =:]{1,2}"
    r"(?:0\b|nil|[Nn]o\b)"
    r"|(?:errors?|fail(?:ure)?|exception)[ _-]?(?:handl|rate|count|polic|page|log|code:? 0)\w*"
    r"|(?i:timeout)[\w.-]{0,40}(?: (?:in|of))?[\"']?[ =:]{1,3}[\"']?\d\w*"
    r"|\bOOMKilled [Ff]alse\b|\bOnFailure\b|\btimeout-[a-z]|\berror=(?=\s|$)"
    r"|\b[Nn]othing (?:failed|was lost)"
    r"|\bno \w{1,20} (?:was|were) (?:lost|killed)|\bno longer fails?\b"
    r"|\b[Nn]o (?:\w{1,12} )?action (?:is |was )?(?:required|needed)"
    r"|\b[Ss]tatus\"?: {1,24}\"?Unknown\b|\bon-failure\b"
    r"|\b[Nn]on-(?:terminating|fatal|critical|blocking) (?:error|failure|exception)"
)
_HARMLESS = re.compile(
    r"^\s{0,8}(?:If|When|Use|See|To|Note|Hint|Tip|hint:|Usage|#|//|\*)\b"
    r"|\" [1-5]\d\d (?:\d|-)|with a? ?timeout of"
    # what is set, help on options, headings and lists of a project's pages
    r"|^\s{0,12}\"?[\w.-]{1,80}\"? ?[=:] ?\"?\d[\d.]{0,10}(?:[mun]?s|m0s|[mh]"
    r"|m\d{1,2}s)?\"?\s{0,4}$"
    r"|^\s{1,12}(?:-\w, )?--[a-z][\w-]{1,40}(?:[ =]\S{1,20})?\s{2,}"
    r"|^(?:\*\*[A-Z]|#{2,4} [A-Z]|- \[[ x]\] )"
    r"|^(?:[-*] |[0-9a-f]{7,12} )?(?:Fix(?:e[sd])?|Revert|Merge pull request|Bump) "
    r"|Exited \(0\)|, ignoring: "
    r"|[Ee]xit[ _-]?(?:[Cc]ode|[Ss]tatus)[\"']?(?:=>|[=: ]{1,3})0\b"
    r"|\bcan (?:be )?(?:safely )?ignored?\b|\A[^.?!]{0,400}\?\s{0,4}\Z"
    r"|^(?:cat|ls|rm|cp|mv|grep|find|stat|chmod|chown|touch|head|tail|sed): "
    r"[^\n]{1,300}: No such file"
    r"|\(ignored\)|treated as (?:deleted|gone)\b|\battempt \d{1,3} ok\b"
    r"|(?<![\w-])(?:recovered|succeeded|[Ss]uccess(?:ful(?:ly)?)?(?!\W{1,4}false)|passed|resolved"
    r"|restored)\b"
)
# "timeout of 40s passed", "did not complete successfully", "could not be resolved"
_IN_SPITE = re.compile(
    r"[Tt]imeout of \S{1,20} (?:passed|elapsed|expired|exceeded|reached)"
    r"|(?:\bnot|n't|[Cc]annot|[Uu]nable to|[Ff]ailed to|[Nn]ever) (?:be |been )?(?:\w{1,12} )?"
    r"(?:success|succeed|recover|pass|resolve|restore)"
    r"|\b0 success|\brefused\b[^\n]{0,40}did you"
    r"|\b(?:[Ff]ailed|before)\b[^\n]{0,80}[Ee]xit[ _-]?(?:[Cc]ode|[Ss]tatus)[:= ]{1,3}0"
)
_RANGE = 400
_WARNING_WORD = re.compile(
    r"\b(?:level=warn\w{0,8}|(?:WARN|Warn|warn)\w{0,8}"
    r"|W\d{4} [\d:.]{8,18} {1,8}\d{1,8} [^\s\]]{1,60}\])\W{0,8}"
)
_HEAD = 160
_NOT_THERE = re.compile(
    r"[Nn]ot (?:be )?found|[Nn]o such|[Mm]issing|(?:not|n't) exist|[Cc]an(?:not|'t) find"
    r"|[Nn]o module|\bimport\b"
)


def error_line(text: str) -> str | None:
    """The first line of ``text`` that its program marks as an error, or None."""
    marked = (line for line in text.split("\n") if _is_marked(line))
    return next((line for line in marked if not is_calm_sentence(line)), None)


def failing_line(text: str) -> str | None:
    """The first line of ``text`` without a level whose words say that something did not work.

    Weaker than a mark: ``text`` is without what its program got over by itself.
    """
    return next((line for line in text.split("\n") if _says_failure(line)), None)


def warnings_of_failure(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Warnings whose words say that something did not work; beside each what stands behind its
    level.

    Weakest of all: most such things the program got over. What only is not there is none.
    """
    for line in lines:
        if _says(line) and level_of(line) is Level.WARNING and not _NOT_THERE.search(line):
            word = _WARNING_WORD.search(line, 0, _HEAD)
            yield line, line[word.end() :] if word else line


def without_none(head: str) -> str:
    """``head`` without fields and counts that are empty or zero."""
    return _NONE.sub("", head)


def is_harmless(head: str) -> bool:
    """Whether what sounds like an error is none: an offer of help, a limit, what succeeded."""
    if is_calm_sentence(head):
        return True
    return _HARMLESS.search(head) is not None and _IN_SPITE.search(head) is None


def _says_failure(line: str) -> bool:
    return _says(line) and level_of(line) is None


def _says(line: str) -> bool:
    head = line[:_RANGE]
    return (
        _SAYS.search(head) is not None
        and not is_harmless(head)
        and _SAYS.search(without_none(head)) is not None
    )


def _is_marked(line: str) -> bool:
    level = level_of(line)
    if level is Level.ERROR or _MARK.match(line) or is_warning_event(line):
        return True
    if '{"' in line or line.lstrip().startswith("{"):
        if _JSON_MARK.search(line) or _PRIORITY.search(line):
            return True
        return level is None and _FIELD.search(line) is not None
    syslog = _RFC5424.match(line)
    if syslog and int(syslog.group(1)) % 8 <= 3:
        return True
    if level is None and _COULD_NOT.match(line):
        return True
    if WARNING_EVENT in line:
        return True
    return any(p.search(line) for p in (_UNITS, _KERNEL, _STATUS, _PROBE))
