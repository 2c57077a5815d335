"""What comes of a cgroup that containers share, by the runtime that they have and who makes it.

Seen on runc 1.1.5, 1.1.15 and 1.5.1 and crun 1.8 and 1.21. With the systemd driver a cgroup is a
unit, and systemd refuses one that there is already; what the runtime makes of that differs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.daemon.versions import (
    ignores_unit_that_exists,
    refuses_shared_cgroup,
    release,
)


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
_NOT_JOINED = SharedCgroup(
    effect="with the systemd driver every container but the first stays in its shim's cgroup: none "
    "of its limits holds, and Kill(all) does not reach it",
    bug_classes=(BugClass.DEADLINE, BugClass.REMOVAL_FAILED),
)
_UNIT_REFUSED = SharedCgroup(
    effect="with the systemd driver the second container is refused at create: its unit exists",
    bug_classes=(BugClass.CREATE_REJECTED,),
)
_UNKNOWN = SharedCgroup(
    effect="what this runtime does then is not known; runc up to 1.1 and crun kill the neighbours",
    bug_classes=(BugClass.PROCESS_DIED,),
)

_NAME = re.compile(r"\b(runc|crun)\b")


def shared_cgroup_effect(version_text: str, *, by_systemd: bool = False) -> SharedCgroup:
    """The effect under the runtime that prints this as its version; unknown ones are said to be.

    ``by_systemd``: the cgroup is a unit, which systemd makes.
    """
    name, version = _NAME.search(version_text), release(version_text)
    if name is None or version is None:
        return _UNKNOWN
    if by_systemd:
        joins = name.group() == "crun" or not ignores_unit_that_exists(version)
        return _UNIT_REFUSED if joins else _NOT_JOINED
    if name.group() == "crun":
        return _DELETE_KILLS
    return _REFUSED if refuses_shared_cgroup(version) else _COLLATERAL
