"""What can go wrong: bug classes, their texts, and the mechanisms behind them. Pure."""

from iluvatar_bench.bugs.attribute import Attribution, attribute
from iluvatar_bench.bugs.classify import Classification, classify_text
from iluvatar_bench.bugs.evidence import Evidence, KillFact
from iluvatar_bench.bugs.taxonomy import CLASSES_OF_2022, BugClass, Mechanism

__all__ = [
    "CLASSES_OF_2022",
    "Attribution",
    "BugClass",
    "Classification",
    "Evidence",
    "KillFact",
    "Mechanism",
    "attribute",
    "classify_text",
]
