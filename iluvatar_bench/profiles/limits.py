"""What a container of a profile may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use; 0 means no limit.

    ``cpus`` is a share of processor time (0.5: half of one processor), ``cpu_shares`` a weight
    beside neighbours (1024 is usual; 0: not set), ``open_files`` the soft and hard RLIMIT_NOFILE.
    Raising that above the daemon's own needs CAP_SYS_RESOURCE.
    """

    memory_limit_bytes: int = 0
    cpus: float = 0.0
    cpu_shares: int = 0
    open_files: int = 1024
    read_only_root: bool = False


NO_LIMITS = Limits()
"""Nothing limited but the open files, which have a default."""
