"""An exit, told by whoever saw it: by a number, by a signal, or by words alone.

Every supervisor has a sentence of its own for it, but what the sentence holds is the same: that
something ended, and the status with which it did. A status above 128, or below zero, is a signal,
as a rule; status 0 is no failure.
"""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.daemons import NAMES
from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

_REPORTED = (
    r"[Ee]xited|[Ee]xiting with|[Ee]xits with|[Rr]eturn code|[Rr]eturned code|[Tt]erminated with"
    r"|[Ss]topped with|called exit|[Nn]on-zero (?:exit|code)|Exit code from container \S{1,80}+ is"
)
_FIELDS = (
    r"exit with|[Ee]xit[ -][Cc]ode|exit_code|exitCode|ExitCode|[Ee]xit [Ss]tatus|exit_status"
    r"|exitStatus|returncode|[Ff]inished with|[Nn]onzero exit"
    r"|didn't complete successfully: exit"
)
_BETWEEN = (
    r"[^\w-]{0,6}+(?:(?:exit|error|return|status|code|value|nonzero|non-zero|with|an?)[^\w-]{1,4}+)"
    r"{0,4}+"
)
_NOT_OTHER = r"(?![\w.:%/])(?! (?:sec|min|hou|day|wee))"
_SIGNAL_STATUS = r"(?:129|13\d|14[0-3]|-[2-9]|-1\d)"
_STATUS = r"(?:[1-9]\d?|1\d\d|2[0-5]\d)"
_NOTE = "ended by itself with an error; whether it was ready by then is not in the text"

BY_SIGNAL = (
    wording(
        BugClass.PROCESS_DIED,
        rf"(?<!script returned )(?:{_REPORTED}|{_FIELDS}){_BETWEEN}(?<![\d.]){_SIGNAL_STATUS}"
        r"(?![\w.:%/])"
        rf"|(?:{_REPORTED}){_BETWEEN}(?<![\d.])-1(?![\w.:%/])"
        r"|\bexitCode\"?: ?-1\b|npm ERR! errno 1(?:3\d|4[0-3])\b",
        "any supervisor",
        "the shape of an exit report: POSIX wait, shells' 128 + n, Python's subprocess -n",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.OOM_KILLED,),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"[Uu]ncaught signal: \d|is dead, but RestartPolicy says|exited with 'signal \d"
        r"|\bgot signal (?:[4-9]|11)\b|via signal \[SIG(?!INT)[A-Z]|exited prematurely: signal "
        r"|killed by (?:signal|SIG)|[Kk]illed by the (?:system|kernel|host)"
        r"|(?:terminated|stopped|ended|died|killed) (?:by|on|with|due to) (?:a )?(?:signal |SIG)"
        r"|(?:[Cc]aught|[Gg]ot|[Rr]eceived) (?:deadly |fatal )?(?:signal:? [#(]{0,2}(?:[4-9]|11|SIG"
        r"(?!TERM|INT|HUP|USR|CHLD|QUIT)[A-Z]|Seg)|[Ss]egmentation [Ff]ault)"
        r"|got Segmentation Fault|exit signal \w|exited with signal|died with <Signals\."
        r"|\bsig=(?:4|5|6|7|8|11) res=|\bdumped core\b|return code Negsignal"
        r"|does not (?:a )?appear to be running"
        r"|worker process died|kernel died|Kernel died|(?m:^)SIG(?:ABRT|TRAP): |task \d{1,6}: Segm"
        r"|exited unexpectedly with: signal|Terminating due to java\.lang\.OutOfMemoryError"
        r"|AccessViolationException|StackOverflowException|Trace/breakpoint trap"
        r"|[Rr]untime exited without providing a reason|exited without (?:a reason|reporting)"
        r"|[Ss]andbox terminated unexpectedly|received a shutdown signal"
        r"|wrapper script does not seem to be touching"
        r"|returned a non-zero code: (?:13\d|14[0-3])",
        "kubelet, Celery, MySQL, Cloud Run, pm2, billiard, AWS Lambda, Jenkins, GitHub's runner,"
        " docker build",
        "aws-lambda-runtime-interface-emulator rapid; Unitech/pm2 lib/God.js; celery/billiard "
        "pool.py; jenkinsci/durable-task BourneShellScript.java; actions/runner",
        told_calmly=True,
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"\btraps: \S{1,64}\[\d{1,10}+\] |\]: segfault at ",
        "linux 4.x-6.x",
        "linux arch/x86/kernel/traps.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.STARTUP_ERROR,),
    ),
    wording(
        BugClass.PROCESS_DIED,
        r"Exited \(255\)",
        "docker ps",
        "moby container/state.go",
        "what is written where the daemon was not there to see the end",
        told_calmly=True,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.STARTUP_ERROR, BugClass.SHIM_LOST),
    ),
)

OF_CONTAINERS = (
    wording(
        BugClass.STARTUP_ERROR,
        r"\bExit Code:\s{1,12}[1-9]\d{0,2}\b|Exited \([1-9]\d?\)"
        r"|Restarting \([1-9]\d{0,2}\)|exitCode=[1-9]\d?\b(?!\d)"
        r"|ExitCode\\{0,7}+\": ?[1-9]\d?\b(?!\d)|exited with (?:code|status) [1-9]\d?\b(?!\d)",
        "Docker, containerd, kubectl, compose",
        "moby daemon/monitor.go; kubernetes core/v1 types.go",
        _NOTE,
        told_calmly=True,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
)

NOT_THERE = (
    wording(
        BugClass.STARTUP_ERROR,
        r"BackoffLimitExceeded|reached the specified backoff limit"
        r"|(?:[Jj]ob|[Ss]tep|[Tt]ask|[Bb]uild) failed: exit "
        r"|in a crash loop|crash-looping|[Cc]ontainer \S{1,100} failed with error code"
        r"|entered FATAL state|entered BACKOFF state|too many start retries"
        r"|[Uu]nable to spawn|crash dump is being written|Crash dump is being written"
        r"|[Bb]ecause it failed during startup|[Ff]ailed during start-?up|\bcrash(?:ed)? on start"
        r"|[Cc]ontainer failed with: |RevisionFailed|[Ff]unction in error state"
        r"|Sibling Task Failed|[Uu]nhealthy because of failed task"
        r"|instead of \\{0,7}\"?RUNNING|has exited, failing|did not initialize and exited"
        r"|[Aa]pp(?:lication)? container failed to start|[Aa]pplication failed to start"
        r"|function runtime is unable to start|failed loading app|Function failed on loading"
        r"|\" status changed: \"\w{1,12}\" -> \"(?:failed|lost)\"|Allocation status: failed"
        r"|max restart count|flapping detected|went straight down"
        r"|phase \w{1,12} -> (?:Error|Failed)\b"
        r"|process apparently never started|container_exited_with_error"
        r"|(?m:^)#\d{1,3}\s{1,8}crash(?:ed|ing)\s",
        "nuclio, supervisord, s6, Erlang, App Service, Knative, containerd 0.2, Nomad, LXC",
        "nuclio pkg/platform/kube; Supervisor supervisor/process.py; knative pkg/apis/serving; "
        "hashicorp/nomad nomad/structs; lxc src/lxc/lxccontainer.c",
        "it was started and is not there; why is not in the text",
        told_calmly=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.CREATE_REJECTED),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"exited: \S{1,80} \(exit status [1-9]|\](?:\+|-| )  (?:Done\(|Exit )[1-9]",
        "supervisord, shells",
        "Supervisor supervisor/process.py; bash jobs.c",
        "the same, by its status",
        told_calmly=True,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.CREATE_REJECTED),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"\bnot started\b|failed with message|did not start\b|didn't start\b",
        "containerd 0.2, Knative, any orchestrator",
        "containerd 0.2 runtime/container.go; knative pkg/apis/serving/v1/revision_lifecycle.go",
        near=r"(?:[Cc]ontainer|[Tt]ask|[Ff]unction|[Ss]ervice|[Rr]evision|[Pp]od|[Ss]andbox|VM"
        r"|[Mm]achine|[Ii]nstance|[Ss]erver|[Aa]pp(?:lication)?)\b",
        within=80,
        unless=r"\brunning exec\b|nodes are available",
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.CREATE_REJECTED),
    ),
)

UNITS = (
    wording(
        BugClass.STARTUP_ERROR,
        rf"[●×*] (?!{NAMES}\.|containerd)[\w@.-]{{1,80}}+ - [^\n]{{0,120}}+\n"
        r"(?:[^\n]{0,300}+\n){0,5}? {1,12}+"
        r"Active: (?:failed|activating \(auto-restart\)) \(Result: (?!success)",
        "systemctl status of a unit that is no daemon of containers'",
        "systemd src/systemctl/systemctl-show.c",
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.PROCESS_DIED, BugClass.CREATE_REJECTED),
    ),
)

BY_STATUS = (
    wording(
        BugClass.STARTUP_ERROR,
        rf"(?:{_REPORTED}|did not complete successfully: exit code)"
        rf"{_BETWEEN}(?<![\d.]){_STATUS}{_NOT_OTHER}",
        "any supervisor, BuildKit",
        "the shape of an exit report",
        _NOTE,
        told_calmly=True,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED,),
    ),
)
"""After the wrappings of runtimes: there the status is the runtime's own."""

BY_FIELD = (
    wording(
        BugClass.STARTUP_ERROR,
        rf"(?:{_FIELDS}|npm ERR! errno){_BETWEEN}(?<![\d.]){_STATUS}{_NOT_OTHER}"
        r"|exited with error: exit",
        "any program that runs another",
        "go os/exec_posix.go; the shape of an exit report",
        _NOTE,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.CREATE_REJECTED),
    ),
)
"""Last of all: it may be the status of any command that a program ran for a step of its own."""

BY_WORD = (
    wording(
        BugClass.STARTUP_ERROR,
        r"\bcrash(?:ed|es|ing)\b|\(Result: (?:signal|core-dump|exit-code|watchdog)"
        r"|\bABORT {1,4}: |\bSIG(?:ILL|SEGV|BUS|ABRT|FPE|SYS|TRAP)\b"
        r"|[Cc]ore dumped|[Ss]egmentation (?:fault|violation)|[Nn]on-?zero exit"
        r"|not running after"
        r"|(?:[Ee]xited|[Dd]ied|[Ss]topped|[Tt]erminated|[Kk]illed|[Cc]losed) unexpectedly"
        r"|[Uu]nexpectedly (?:exit|died|stopped|terminated|killed|crashed)",
        "any program",
        "what is said of an end where nothing else is",
        _NOTE,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DAEMON_CRASHED),
    ),
    wording(
        BugClass.STARTUP_ERROR,
        r"code=exited, status=[1-9]|[Ee]xited with [1-9]",
        "systemd, any program",
        "systemd src/core/service.c",
        _NOTE,
        by_number=True,
        certainty=Certainty.POSSIBLE,
        alternatives=(BugClass.PROCESS_DIED, BugClass.DAEMON_CRASHED),
    ),
)
"""After everything: that something ended is all that the line says."""
