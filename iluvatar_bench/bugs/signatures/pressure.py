"""Memory that ran out, and nodes that made room."""

from __future__ import annotations

from iluvatar_bench.bugs.signatures.wording import wording
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty

WORDINGS = (
    wording(
        BugClass.OOM_KILLED,
        r"\bOOMKilled\\{0,7}+\"?\s{0,2}[:=]\s{0,2}true"
        r"|[Rr]eason\\{0,7}+\"?[:=]\s{0,12}\\{0,7}+\"?OOMKilled\b"
        r"|\bOOMKilled\b(?!\\{0,7}+[\"']?\s{0,2}[:=]| [Ff]alse)"
        r"|container init was OOM-killed|OOM: the memory limit could be too low"
        r"|[Mm]emory cgroup out of memory|oom-kill:constraint=|invoked oom-killer"
        r"|\breason\\{0,7}+\"?[:=] ?\\{0,7}+\"?OOM Killed\b"
        r"|[Oo]ut of memory: Kill(?:ed)? process|(?:\]|kernel:) Killed process \d"
        r"|oom_reaper: reaped process|killed as a result of limit of"
        r"|killed by the OOM killer|Failed with result 'oom-kill'"
        r"|Runtime\.OutOfMemory|OutOfMemoryError: [Cc]ontainer killed|OutOfMemory: [Cc]ontainer"
        r"|\bOOM[ -]Killed\b|exhausted its memory"
        r"|[Mm]emory limit of \S{1,20}+ (?:\w{1,6} )?exceeded"
        r"|memory: usage \d{1,12}+kB, limit \d{1,12}+kB, failcnt [1-9]"
        r"|due to an out of memory condition|due to the node running low on memory"
        r"|OutOfMemoryKilled"
        r"|memory limit of \d{1,15} bytes is below|ran out of its memory limit"
        r"|did not complete successfully: cannot allocate memory"
        r"|\(out of memory\)|[Oo]om[_ ][Kk]illed[:=] ?true|Container was OOM-killed"
        r"|using too much memory|killed due to memory|oom-kill event|cgroup out-of-memory handler",
        "linux 4.x-6.x, runc 1.0-1.5, crun 0.19+, kubelet, systemd, docker, AWS Lambda and ECS",
        "linux mm/oom_kill.c; opencontainers/runc#2812; containers/crun#635",
        '"OOMKilled": false says that it was something else',
    ),
    wording(
        BugClass.OOM_KILLED,
        r"Sending SIGKILL to cgroup|TaskOOM event|\bcontainer oom [0-9a-f]{4,64}\b"
        r"|container was OOMKilled"
        r"|OOM event (?:was )?received|got OOM event of|was OOM killed(?!: no)"
        r"|exceeded \d{2}% memory budget|\bOOMKilling\b|Got sys oom event"
        r"|Created an OOM event|/tasks/oom\b|\boom_kill_process\+0x"
        r"|\bmem_cgroup_out_of_memory\+0x|\"status\":\"oom\"|\(from [^)\n]{1,100}+\) oom\b",
        "containerd 1.4-2.3, dockerd, kubelet",
        "containerd pkg/cri/server/events.go; moby daemon/events; kubernetes pkg/kubelet/oom",
        told_calmly=True,
    ),
    wording(
        BugClass.OOM_KILLED,
        r"systemd-oomd(?:\[\d{1,10}+\]:)? [Kk]illed |due to memory pressure for ",
        "systemd 248-258",
        "systemd src/oom/oomd-util.c, oomd-manager.c",
        told_calmly=True,
        certainty=Certainty.LIKELY,
        alternatives=(BugClass.EVICTED,),
    ),
    wording(
        BugClass.EVICTED,
        r"The node was low on resource|(?:\bReason:\s{1,20}|\breason\\{0,7}+\"?[:=] ?\\{0,7}+\"?)"
        r"Evicted\b|\d/\d{1,3}\s{1,12}+Evicted\b|(?<=Warning  )\s{0,8}+Evicted\b"
        r"|[Ee]viction manager: (?:must evict|pod|attempting to reclaim)"
        r"|pod is evicted|local storage usage exceeds|EvictionThresholdMet"
        r"|[Pp]reempted by (?:a )?pod"
        r"|Preempted\s{1,8}|[Ee]xceeded its (?:local )?ephemeral"
        r"|eviction manager: (?:eviction )?thresholds|Failed to admit pod \S"
        r"|status is now: NodeHas(?:InsufficientPID|DiskPressure|InsufficientMemory)"
        r"|host is being drained|Evicting pods on node|imminent node shutdown"
        r"|TaintManagerEviction(?![^\n]{0,80}Cancelling)|response to (?:imminent )?node shutdown"
        r"|The node had condition: \[|preemption: pod \S{1,200} evicted|Fast evicting pod"
        r"|Node is shutting, evicting|[Uu]sage of EmptyDir volume [^\n]{1,100} exceeds",
        "kubelet 1.12-1.34, kube-scheduler",
        "kubernetes pkg/kubelet/eviction, pkg/scheduler/framework/preemption",
        told_calmly=True,
    ),
)
