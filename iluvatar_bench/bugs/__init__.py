"""What can go wrong: bug classes, their texts, and the mechanisms behind them. Pure.

The table of texts takes a quarter of a second to be made: who only counts classes never waits for
it. Whoever judges imports it from ``bugs.classify``, before there is anything to be held up.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from iluvatar_bench.bugs.attribute import RULES_VERSION, Attribution, attribute
from iluvatar_bench.bugs.evidence import (
    CgroupAction,
    CgroupFact,
    DaemonFact,
    EventFact,
    Evidence,
    FileKind,
    FileVerdict,
    KillFact,
    MissingFact,
    SnapshotFact,
    Target,
)
from iluvatar_bench.bugs.rules.missing_file import MissingName
from iluvatar_bench.bugs.rules.suspicion import Suspicion
from iluvatar_bench.bugs.signals import SenderKind, SignalFact, VictimFact
from iluvatar_bench.bugs.taxonomy import CLASSES_OF_2022, BugClass, Mechanism

if TYPE_CHECKING:
    from iluvatar_bench.bugs.classify import Classification, classify_text

__all__ = [
    "CLASSES_OF_2022",
    "RULES_VERSION",
    "Attribution",
    "BugClass",
    "CgroupAction",
    "CgroupFact",
    "Classification",
    "DaemonFact",
    "EventFact",
    "Evidence",
    "FileKind",
    "FileVerdict",
    "KillFact",
    "Mechanism",
    "MissingFact",
    "MissingName",
    "SenderKind",
    "SignalFact",
    "SnapshotFact",
    "Suspicion",
    "Target",
    "VictimFact",
    "attribute",
    "classify_text",
]


def __getattr__(name: str) -> Any:
    if name in ("Classification", "classify_text"):
        return getattr(import_module(f"{__name__}.classify"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
