"""From what preceded a failure to what can be changed: one factor, or a forced order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from iluvatar_bench.profiles.profile import PRESETS, Profile, change_profile

_FORCED_IN: Mapping[str, str] = {
    "create": "before_prepare",
    "prepare": "before_prepare",
    "task_create": "before_mount",
    "start": "before_start",
    "ready": "during_startup",
    "invoke": "after_ready",
    "alive": "after_ready",
}
"""The step in which containers failed, and the level of ``collection`` that forces one in it."""

_FACTORS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("call", "kill"): ("kill", "cgroup"),
    ("call", "delete"): ("removal",),
    ("event", "tasks/exit"): ("kill", "cgroup"),
    ("event", "snapshot/remove"): ("removal",),
    ("event", "tasks/oom"): ("memory_limit_mib",),
}
"""What preceded, and the factors that say how it is done: the first that ``guarded`` has otherwise
is the one to change."""

_LONGER_MS = 500
"""How much longer a pause is made where a pause is the suspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """Two profiles that differ in the suspect alone: ``suspect`` has it, ``without`` has not.

    ``unit`` is that of ``ab``: ``daemon`` where the suspect reaches all containers of a daemon.
    """

    suspect: Profile
    without: Profile
    words: str
    unit: Literal["block", "daemon"]


def intervention_on(kind: str, name: str, profile: Profile, *, step: str) -> Intervention | None:
    """How to make the suspect come, and how to keep it away, all else as in ``profile``.

    * A **collection** is forced in the step in which the containers failed, on a collector that is
      quiet otherwise, against a quiet collector: a forced order. Each side has its own daemon.
    * A **call** of a neighbour, and an **event** that tells of one, has a factor that says how the
      call is made; the profile ``guarded`` says which of its levels is harmless.
    * A **delay** between Tasks.Create and Tasks.Start is made half a second longer.

    Args:
        kind: of the predicate (``call``, ``event``, ``collection``, ``delay``, ``load``).
        name: what of that kind.
        profile: under which it was seen.
        step: in which the containers failed.

    Returns:
        None where no factor sets it, or the profile has the harmless level already.
    """
    match kind:
        case "collection" if step in _FORCED_IN:
            level = _FORCED_IN[step]
            return _pair(
                profile,
                {"collection": level},
                {"collection": "quiet"},
                f"a collection forced {level.replace('_', ' ')}, against none",
                "daemon",
            )
        case "delay" if name in ("task_create", "start"):
            longer = profile.start_delay_ms + _LONGER_MS
            return _pair(
                profile,
                {"start_delay_ms": longer},
                {},
                f"{_LONGER_MS} ms more between Tasks.Create and Tasks.Start, against none",
                "block",
            )
    for factor in _FACTORS.get((kind, name), ()):
        harmful, harmless = profile.factors[factor], PRESETS["guarded"].factors[factor]
        if harmful != harmless:
            words = f"{factor}={harmful} against {factor}={harmless}"
            return _pair(profile, {}, {factor: harmless}, words, "block")
    return None


def _pair(
    profile: Profile,
    suspect: Mapping[str, str | int],
    without: Mapping[str, str | int | float],
    words: str,
    unit: Literal["block", "daemon"],
) -> Intervention:
    return Intervention(
        suspect=change_profile(profile, suspect, name="suspect"),
        without=change_profile(profile, without, name="without"),
        words=words,
        unit=unit,
    )
