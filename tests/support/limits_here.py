"""What a test takes of this host's cgroups: where the controllers are version 1's, or not given,
nothing counts or limits memory.
"""

from __future__ import annotations

import pytest

from iluvatar_bench.host.kernel.controllers import missing_controllers

MEMORY_COUNTED = "memory" not in missing_controllers()

needs_memory = pytest.mark.skipif(
    not MEMORY_COUNTED, reason="no memory controller for cgroups of this host"
)

CTR_WITHOUT_SHARES = () if "cpu" not in missing_controllers() else ("--cpu-shares", "0")
"""Options of ``ctr run``, which gives each container 1024 shares of the processor unless it is told
not to: without the controller runc refuses that."""

needs_cpu = pytest.mark.skipif(
    "cpu" in missing_controllers(), reason="no cpu controller, which ctr run asks for"
)
