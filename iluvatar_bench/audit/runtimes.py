"""What runtimes do with a cgroup that is not theirs alone, by version (CONTAINERD.md, section 2).

Seen on runc 1.1.5 and 1.5.1 and crun 1.8, and read in the sources of the versions between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iluvatar_bench.bugs import BugClass


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCgroup:
    """What comes of a shared cgroup: a sentence, and the bug classes."""

    effect: str
    bug_classes: tuple[BugClass, ...]


_COLLATERAL = SharedCgroup(
    effect="Kill(all) of one signals every process of the cgroup, of its neighbours too",
    bug_classes=(BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED),
)
_REFUSED = SharedCgroup(
    effect="the second container is refused at create: container's cgroup is not empty",
    bug_classes=(BugClass.CREATE_REJECTED,),
)
_DELETE_KILLS = SharedCgroup(
    effect="Kill(all) and Delete of one end every process of the cgroup",
    bug_classes=(BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP),
)
_UNKNOWN = SharedCgroup(
    effect="what this runtime does then is not known; runc up to 1.1 and crun kill the neighbours",
    bug_classes=(BugClass.PROCESS_DIED,),
)

_VERSION = re.compile(r"\b(runc|crun)\b\D*(\d+)\.(\d+)")


def shared_cgroup_effect(version_text: str) -> SharedCgroup:
    """The effect under the runtime that prints this as its version; unknown ones are said to be."""
    match = _VERSION.search(version_text)
    if match is None:
        return _UNKNOWN
    if match.group(1) == "crun":
        return _DELETE_KILLS
    version = (int(match.group(2)), int(match.group(3)))
    return _REFUSED if version >= (1, 2) else _COLLATERAL
