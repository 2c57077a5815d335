"""Watching containers: what containerd says, and what the host shows, in life and at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence.collect import collect, event_facts
from iluvatar_bench.monitor.evidence.failing_container import FailingContainer
from iluvatar_bench.monitor.evidence.host import who_listens
from iluvatar_bench.monitor.evidence.rootfs import ImageLayers
from iluvatar_bench.monitor.exit_watcher import ExitWatcher
from iluvatar_bench.monitor.memory import MemoryPoller
from iluvatar_bench.monitor.monitor import Monitor, open_monitor
from iluvatar_bench.monitor.witness import Testimony, Witness, open_witness

__all__ = [
    "EventLog",
    "ExitWatcher",
    "FailingContainer",
    "ImageLayers",
    "MemoryPoller",
    "Monitor",
    "Testimony",
    "Witness",
    "collect",
    "event_facts",
    "event_log",
    "open_monitor",
    "open_witness",
    "who_listens",
]
