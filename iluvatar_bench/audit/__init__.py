"""Rules over a live containerd's state, read-only: is its client making the known mistakes."""

from iluvatar_bench.audit.audit import GRACE_SECONDS, Audit, apply_rules
from iluvatar_bench.audit.audit_once import audit_daemon
from iluvatar_bench.audit.clients import ClientHabits
from iluvatar_bench.audit.live import live_container
from iluvatar_bench.audit.read.host_networks import HostPlaces
from iluvatar_bench.audit.read.state import DaemonState
from iluvatar_bench.audit.read.state_reader import SYSTEM_SOCKET, open_reader, read_state
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity
from iluvatar_bench.audit.watch import Alarm, watch_daemon

__all__ = [
    "GRACE_SECONDS",
    "SYSTEM_SOCKET",
    "Alarm",
    "Audit",
    "BrokenRule",
    "ClientHabits",
    "DaemonState",
    "HostPlaces",
    "Rule",
    "Severity",
    "apply_rules",
    "audit_daemon",
    "live_container",
    "open_reader",
    "read_state",
    "watch_daemon",
]
