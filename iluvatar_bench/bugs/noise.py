"""Lines that say error and harm nobody: left out before a text is judged.

Each was seen in whole logs of healthy runs, or is known upstream as harmless.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.signatures.literals import required_literals

_NOISE = re.compile(
    r"""
    # the usage scan of a snapshot that has just gone (containerd pkg/cri/store/snapshot,
    # internal/cri/store/stats)
    [Ff]ailed\ to\ (?:get|scan|update)\ (?:the\ )?(?:disk\ )?usage\ (?:for|of)\ snapshot
    # what the shim's delete command prints when its container has gone already (runtime/v2/shim.go)
  | cleanup\ warnings\ time=
  | cleaning\ up\ after\ shim\ disconnected
  | msg=\\{0,7}"failed\ to\ delete\\{0,7}"\ cmd=
    # the reader of a shim's log, when the shim ends (runtime/v2/binary.go)
  | (?:shim\ log|stream)\b[^\n]{0,100}file\ already\ closed
    # plugins that this host does without (server/server.go, tracing/plugin)
  | skip\ (?:loading\ )?plugin
  | no\ OpenTelemetry\ endpoint
  | devmapper\ not\ configured
    # before any CNI configuration is there: pods are refused by later lines, if any come
  | failed\ to\ load\ cni\ during\ init
    # a stream of a client that has gone (services/events, moby daemon/monitor)
  | (?:stream|event|exec)[^\n]{0,60}context\ canceled
    # glibc's preload of a library that this image has not
  | from\ LD_PRELOAD\ cannot\ be\ preloaded
    # every stop by SIGKILL, the client's own too (internal/cri/server/events.go)
  | level=info\ msg=\\{0,7}"received\ (?:\w{1,12}\ ){0,2}exit\ event
    # what the kernel and systemd say of interrupts and of interfaces that go with their container
  | perf:\ interrupt\ took\ too\ long
  | :\ Lost\ carrier
  | created\ nested\ cgroup\ for\ controller
    # cAdvisor's watch over cgroups, when one goes (kubelet, k3s)
  | Error\ while\ processing\ event\ \("/sys/fs/cgroup/
    # Debian's package manager in every docker build
  | debconf:\ delaying\ package\ configuration
    # docker run, before it pulls: "Unable to find image 'x' locally"
  | [Uu]nable\ to\ find\ image\ '[^'\n]{1,300}'\ locally
    # a library that says itself what it does without
  | SLF4J:\ (?:Failed\ to\ load\ class|Defaulting\ to)
    # the shim's watch over memory events, when the shim ends (runtime/v2/runc/manager, cgroups)
  | cgroups:\ epoll\ wait\\{0,7}"\ error=shutdown
    # the same fields of a healthy container
  | \"(?:oom_kill|failcnt)\":0
    """,
    re.VERBOSE,
)


# Of these one is in every such line: told at a tenth of the cost of the search.
_WORDS = tuple(sorted(required_literals(_NOISE)))


def is_noise(line: str) -> bool:
    """Whether a line is known to harm nobody, whatever its level."""
    return any(map(line.__contains__, _WORDS)) and _NOISE.search(line) is not None
