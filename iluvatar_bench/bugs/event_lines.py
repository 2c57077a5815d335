"""Kubernetes events as lines: in which column the type of an event stands differs.

``kubectl describe`` puts it first, ``kubectl get events`` behind an age, a namespace or both, older
clients behind FIRSTSEEN, LASTSEEN, COUNT, FROM and SUBOBJECT. Its reason stands behind it
everywhere.
"""

from __future__ import annotations

import re

_WARNING = re.compile(
    r"(?:\A|[\s}])Warning(?:\s{2,80}[A-Z][A-Za-z]{2,60}\s"
    r"|\s{1,80}(?:Failed|BackOff|Unhealthy|Evicted|Preempted|[A-Z][a-z]{2,20}[A-Z]\w{1,50})\s)"
)
_WITHIN = 400


def is_warning_event(line: str) -> bool:
    """Whether a line is an event of type ``Warning``, with whatever columns in front."""
    return "Warning" in line and _WARNING.search(line, 0, _WITHIN) is not None
