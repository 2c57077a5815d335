"""Watching containers: what containerd says, and what the host shows, in life and at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence import collect, events_of
from iluvatar_bench.monitor.exit_watcher import ExitWatcher
from iluvatar_bench.monitor.host_facts import who_listens
from iluvatar_bench.monitor.memory import MemoryPoller
from iluvatar_bench.monitor.rootfs import ImageLayers
from iluvatar_bench.monitor.subject import Subject
from iluvatar_bench.monitor.watch import Monitor, open_monitor

__all__ = [
    "EventLog",
    "ExitWatcher",
    "ImageLayers",
    "MemoryPoller",
    "Monitor",
    "Subject",
    "collect",
    "event_log",
    "events_of",
    "open_monitor",
    "who_listens",
]
