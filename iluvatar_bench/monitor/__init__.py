"""Watching containers: what containerd says, and what the host shows at a failure."""

from iluvatar_bench.monitor.event_log import EventLog, event_log
from iluvatar_bench.monitor.evidence import Subject, collect

__all__ = ["EventLog", "Subject", "collect", "event_log"]
