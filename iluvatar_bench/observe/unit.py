"""A systemd unit for an observation: what it may do is what it needs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iluvatar_bench.host.kernel.trace_instance import TRACE_HOME
from iluvatar_bench.observe.metrics_address import MetricsAddress

_UNIT = """\
[Unit]
Description=Failures of this node's containers (iluvatar-bench observe)
After=containerd.service

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=10
# It ends in good order by SIGINT, and writes its tables then.
KillSignal=SIGINT
TimeoutStopSec=300
MemoryMax=512M
CPUQuota=20%
Nice=5

# Read-only but for its folder. /tmp is the host's: workers keep there what containers print.
# The kernel's witness mounts tracefs for itself, and holds a lock beside those of other witnesses.
ProtectSystem=strict
ReadWritePaths={folder} -/sys/kernel/tracing
RuntimeDirectory={locks}
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
UMask=0077
ProtectHome=read-only
ProtectControlGroups=true
ProtectKernelModules=true
ProtectClock=true
ProtectHostname=true
{network}
NoNewPrivileges=true
LockPersonality=true
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
DevicePolicy=closed
DeviceAllow=/dev/kmsg r
# SYS_ADMIN: tracefs. SYS_PTRACE, DAC_READ_SEARCH: other users' /proc, and what containers wrote.
# SYS_NICE: the witness goes ahead of the load that it watches. SYSLOG: the kernel's log.
CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYS_NICE CAP_SYSLOG

[Install]
WantedBy=multi-user.target
"""


_NO_NETWORK = """\
PrivateNetwork=true
RestrictAddressFamilies=AF_UNIX"""

_LOOPBACK_ONLY = """\
# For its metrics.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
IPAddressDeny=any
IPAddressAllow=localhost"""

_METRICS_FOR_ALL = """\
# For its metrics: say in IPAddressDeny= and IPAddressAllow= who may have them.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"""


def systemd_unit(
    program: str,
    *,
    folder: Path,
    arguments: Sequence[str],
    metrics: MetricsAddress | None = None,
) -> str:
    """The text of the unit; ``program`` is the path of the console script.

    Without ``metrics`` it has no network. ``folder`` has to be there before it is started: systemd
    lets only what exists be written to.
    """
    words = [program, "observe", *arguments, "--out", str(folder), "--json"]
    network = _NO_NETWORK
    if metrics is not None:
        network = _LOOPBACK_ONLY if metrics.is_loopback else _METRICS_FOR_ALL
    return _UNIT.format(
        command=" ".join(map(_quoted, words)),
        folder=_quoted(str(folder)),
        locks=TRACE_HOME.relative_to("/run"),
        network=network,
    )


def _quoted(word: str) -> str:
    """A word as systemd reads it (systemd.service(5), systemd.unit(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = all(c.isalnum() or c in "-_./=:," for c in word)
    return word if plain and word else f'"{escaped}"'
