"""Watching containers: what containerd says, and what the host shows, in life and at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence.collect import collect, events_of
from iluvatar_bench.monitor.evidence.failing_container import FailingContainer
from iluvatar_bench.monitor.evidence.host import who_listens
from iluvatar_bench.monitor.evidence.rootfs import ImageLayers
from iluvatar_bench.monitor.exit_watcher import ExitWatcher
from iluvatar_bench.monitor.memory import MemoryPoller
from iluvatar_bench.monitor.monitor import Monitor, open_monitor

__all__ = [
    "EventLog",
    "ExitWatcher",
    "FailingContainer",
    "ImageLayers",
    "MemoryPoller",
    "Monitor",
    "collect",
    "event_log",
    "events_of",
    "open_monitor",
    "who_listens",
]
