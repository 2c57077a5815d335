"""A systemd unit for an observation: what it may do is what it needs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
# The kernel's witness mounts tracefs for itself.
ProtectSystem=strict
ReadWritePaths={folder} -/sys/kernel/tracing
ProtectHome=read-only
PrivateNetwork=true
NoNewPrivileges=true
RestrictAddressFamilies=AF_UNIX
LockPersonality=true
RestrictRealtime=true
# SYS_ADMIN: tracefs. SYS_PTRACE, DAC_READ_SEARCH: other users' /proc, and what containers wrote.
# SYS_NICE: the witness goes ahead of the load that it watches. SYSLOG: the kernel's log.
CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_SYS_NICE CAP_SYSLOG

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(program: str, *, folder: Path, arguments: Sequence[str]) -> str:
    """The text of the unit; ``program`` is the path of the console script.

    ``folder`` has to be there before it is started: systemd lets only what exists be written to.
    """
    words = [program, "observe", *arguments, "--out", str(folder), "--json"]
    return _UNIT.format(command=" ".join(map(_quoted, words)), folder=_quoted(str(folder)))


def _quoted(word: str) -> str:
    """A word as systemd reads it (systemd.service(5), systemd.unit(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = all(c.isalnum() or c in "-_./=:," for c in word)
    return word if plain and word else f'"{escaped}"'
