"""A container's life, step by step, right or wrong on purpose."""

from iluvatar_bench.lifecycle.container import Container
from iluvatar_bench.lifecycle.kill_log import KillLog
from iluvatar_bench.lifecycle.removal import remove_container

__all__ = ["Container", "KillLog", "remove_container"]
