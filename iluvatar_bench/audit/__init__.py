"""Rules over a live containerd's state, read-only: is its client making the known mistakes."""

from iluvatar_bench.audit.address import SYSTEM_SOCKET
from iluvatar_bench.audit.audit import GRACE_SECONDS, Audit, apply_rules
from iluvatar_bench.audit.audit_once import audit_daemon
from iluvatar_bench.audit.clients import ClientHabits
from iluvatar_bench.audit.fix_plan import FixPlan, fix_plan, hold_text
from iluvatar_bench.audit.hold import HoldLease, apply_hold, undo_holds
from iluvatar_bench.audit.live import live_container
from iluvatar_bench.audit.read.host_networks import HostPlaces
from iluvatar_bench.audit.read.state import DaemonState
from iluvatar_bench.audit.read.state_reader import open_reader, read_state
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity
from iluvatar_bench.audit.watch import Alarm, WatchGap, watch_daemon, watch_restarts

__all__ = [
    "GRACE_SECONDS",
    "SYSTEM_SOCKET",
    "Alarm",
    "Audit",
    "BrokenRule",
    "ClientHabits",
    "DaemonState",
    "FixPlan",
    "HoldLease",
    "HostPlaces",
    "Rule",
    "Severity",
    "WatchGap",
    "apply_hold",
    "apply_rules",
    "audit_daemon",
    "fix_plan",
    "hold_text",
    "live_container",
    "open_reader",
    "read_state",
    "undo_holds",
    "watch_daemon",
    "watch_restarts",
]
