"""Watching containers: what containerd says, and what the host shows, in life and at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence import Subject, collect
from iluvatar_bench.monitor.exit_watcher import ExitWatcher
from iluvatar_bench.monitor.memory import MemoryPoller
from iluvatar_bench.monitor.watch import Monitor, open_monitor

__all__ = [
    "EventLog",
    "ExitWatcher",
    "MemoryPoller",
    "Monitor",
    "Subject",
    "collect",
    "event_log",
    "open_monitor",
]
