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
