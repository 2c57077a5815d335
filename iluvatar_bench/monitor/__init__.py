"""Watching containers: what containerd says, and what the host shows at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence import collect, events_of
from iluvatar_bench.monitor.host_facts import who_listens
from iluvatar_bench.monitor.rootfs import ImageLayers
from iluvatar_bench.monitor.subject import Subject

__all__ = [
    "EventLog",
    "ImageLayers",
    "Subject",
    "collect",
    "event_log",
    "events_of",
    "who_listens",
]
