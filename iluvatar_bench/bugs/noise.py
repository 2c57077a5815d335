"""Lines that say error and harm nobody: left out before a text is judged, whatever their wording.

Each was seen in whole logs of healthy runs, is known upstream as harmless, or is no log line at all
(source text, a rule of an alarm). What only a line's shape would take for an error belongs into
:mod:`.calm_sentences`.
"""

from __future__ import annotations

import re

from iluvatar_bench.bugs.signatures.literals import prefiltered

_NOISE = prefiltered(
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
  | devmapper\ not\ configured(?!:\ snapshotter\ not\ loaded)
  | error=\\{0,7}"modprobe\ aufs\ failed
    # before any CNI configuration is there: pods are refused by later lines, if any come
  | failed\ to\ load\ cni\ during\ init
    # a stream of a client that has gone (services/events, moby daemon/monitor)
  | (?:\bstream|event|exec)[^\n]{0,60}context\ canceled
    # glibc's preload of a library that this image has not
  | from\ LD_PRELOAD\ cannot\ be\ preloaded
    # every stop by SIGKILL, the client's own too (internal/cri/server/events.go)
  | level=info\ msg=\\{0,7}"received\ (?:\w{1,12}\ ){0,2}exit\ event
    # what the kernel and systemd say of interrupts and of interfaces that go with their container
  | perf:\ interrupt\ took\ too\ long
  | :\ Lost\ carrier
  | created\ nested\ cgroup\ for\ controller
    # cAdvisor's watch over cgroups, when one goes (kubelet, k3s)
  | Error\ while\ processing\ event\ \("/sys/fs/cgroup/(?![^\n]{0,600}no\ space\ left)
    # Debian's package manager in every docker build
  | debconf:\ delaying\ package\ configuration
    # another program's calm line, told by who reads its standard error (glog before its flags are
    # read, firecracker-containerd's shim)
  | ERROR:\ logging\ before\ flag\.Parse:\ [ID]\d{4}\b
  | ERRO\[[^\]\n]{1,40}\]\ time="[^"\n]{1,60}"\ level=(?:info|debug)\b
    # events of type Warning: a node that was started anew, the first look at its disk, a resize
    # that another one does (kubelet, volume_expand)
  | \bWarning\s{1,20}(?:Rebooted|InvalidDiskCapacity|ExternalExpanding)\s
    # docker run, before it pulls: "Unable to find image 'x' locally"
  | [Uu]nable\ to\ find\ image\ '[^'\n]{1,300}'\ locally
    # a library that says itself what it does without
  | SLF4J:\ (?:Failed\ to\ load\ class|Defaulting\ to)
    # the shim's watch over memory events, when the shim ends (runtime/v2/runc/manager, cgroups)
  | cgroups:\ epoll\ wait\\{0,7}"\ error=shutdown
    # what daemons and tools try first, or do not have here
  | Cannot\ enable\ IPv6\ on\ container\ interface
  | dropping\ slirp4netns\ options
  | Failed\ to\ remove\ check\ directory
  | could\ not\ use\ snapshotter\ \w{1,20}\ in\ metadata\ plugin
  | Failed\ to\ detect\ the\ owner\ for\ the\ current\ cgroup
  | unable\ to\ save\ \S{1,200}\ starttime:
  | StopSignal\ \w{1,12}\ failed\ to\ stop\ container
  | Could\ not\ load\ dynamic\ library\ 'lib(?:cu|nv)
    # PostgreSQL's orderly stop
  | LOG:\ \ (?:aborting\ any\ active\ transactions|background\ worker\ "logical\ replication)
  | ADDRCONF\(NETDEV_UP\):
  | (?:Liveness|Readiness|Startup):\ {1,12}(?:http-get|tcp-socket|exec|grpc)[ ]
    # metrics and rules over them
  | \bkube_pod_\w{1,80}\{[^}\n]{1,400}\}(?:\ 0\b|\[\d)
  | \{\{\ \$labels
    # source text
  | fmt\.Errorf\("|errors\.New\("|WithError\(err\)
  | ^\s{0,12}(?:assert\ "|except\ [\w.]{1,60}:|class\ \w{1,60}\(\w{1,40}\):$)
    # what complain mode lets pass: AppArmor's, SELinux's
  | apparmor="ALLOWED"|\bpermissive=1\b
    # kubelet's first seconds
  | Stats\ initialization\ may\ not\ have\ completed\ yet[^\n]{0,20}failed\ to\ get
  | failed\ to\ read\ pod\ IP\ from\ plugin[^\n]{0,30}:\ Couldn't\ find\ network\ status
    # another program's line, which a collector of logs could not parse
  | \[warn\]:\ pattern\ not\ match:[ ]
    # orderly stops
  | terminating\ connection\ due\ to\ administrator\ command
  | code=exited,\ status=0/SUCCESS
  | \boutcome:\ success\b
    # the same fields of a healthy container
  | \"(?:oom_kill|failcnt)\":0
    """,
    re.VERBOSE,
)


def is_noise(line: str) -> bool:
    """Whether a line is known to harm nobody, whatever its level."""
    return _NOISE.occurs_in(line)
