"""Limits of a profile that cannot be kept on this host, or that no function can start under."""

from __future__ import annotations

from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import Function, StoredImage
from iluvatar_bench.host.kernel.controllers import require_controller
from iluvatar_bench.profiles import Profile

SMALLEST_MEMORY_MIB = 28
"""Of a container of a function that is built here; an image that was imported may need less.

Measured with ``hello`` under Flask, Python 3.11 and cgroup v1: of two containers each at 2, 4, 6,
8, 12, 16, 20 and 24 MiB all were ended by the kernel before they were ready; at 28 MiB both became
ready.
"""


_CONTROLLERS = {"memory_limit_mib": "memory", "cpus": "cpu", "cpu_shares": "cpu"}
"""What keeps the limit of a factor."""


def require_kept_limits(profile: Profile) -> None:
    """Raise EnvironmentProblem for a limit that this host cannot keep: no container would start."""
    for factor, controller in _CONTROLLERS.items():
        if level := profile.factors[factor]:
            require_controller(controller, wanted_by=f"{factor}={level}")


def require_memory(source: Function | StoredImage, profile: Profile) -> None:
    """Refuse a memory limit below which no function that is built here becomes ready."""
    limit = profile.memory_limit_mib
    if isinstance(source, Function) and 0 < limit < SMALLEST_MEMORY_MIB:
        raise UsageError(
            f"memory_limit_mib={limit}: function {source.name} cannot start in it; its Python and "
            f"server alone need {SMALLEST_MEMORY_MIB} (0: no limit)"
        )
