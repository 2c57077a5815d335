"""A container's life, step by step, right or wrong on purpose."""

from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.profile import PRESETS, Profile, resolve_profile

__all__ = ["PRESETS", "Container", "KillLog", "Profile", "resolve_profile"]
