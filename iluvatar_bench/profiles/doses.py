"""What can be dosed, and the profile, load and collector at each dose."""

from __future__ import annotations

from collections.abc import Sequence

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.profiles.profile import Profile, change_profile

QUANTITIES: dict[str, tuple[str, str]] = {
    "start_delay_ms": ("delay between Tasks.Create and Tasks.Start", "ms"),
    "creation_limit": ("made at a time (0: no limit)", "containers"),
    "concurrency": ("load", "containers at a time"),
    "pause_threshold": ("pause threshold of the collector", "share of time"),
}
"""What can be dosed, in words and with its unit: a factor of the profile, the load, a setting of
containerd's collector."""


def axis_of(quantity: str) -> str:
    """The label of an axis of doses: what they are, and their unit."""
    return ", ".join(QUANTITIES.get(quantity, (quantity,)))


def dose_settings(
    profile: Profile, *, quantity: str, doses: Sequence[float], concurrency: int
) -> list[tuple[Profile, int, float | None]]:
    """Profile, load and pause threshold at each dose.

    Raises:
        UsageError: an unknown quantity, no dose, one twice, or one out of its range.
    """
    if quantity not in QUANTITIES:
        raise UsageError(
            f"no quantity {quantity!r}{meant(quantity, QUANTITIES)}; there are: "
            f"{', '.join(QUANTITIES)}"
        )
    if not doses:
        raise UsageError("name at least one dose")
    twice = [f"{dose:g}" for dose in dict.fromkeys(doses) if doses.count(dose) > 1]
    if twice:
        raise UsageError(f"a dose has one run: {', '.join(twice)} stands there more than once")
    return [_at(profile, quantity, dose, concurrency) for dose in doses]


def _at(
    profile: Profile, quantity: str, dose: float, concurrency: int
) -> tuple[Profile, int, float | None]:
    """Profile, load and pause threshold at one dose."""
    if quantity == "pause_threshold":
        if not 0 < dose <= 0.5:
            raise UsageError(f"pause_threshold must lie above 0 and up to 0.5, not {dose:g}")
        named = change_profile(profile, {}, name=f"{profile.name} pause_threshold={dose:g}")
        return named, concurrency, dose
    if dose != int(dose):
        raise UsageError(f"{quantity} takes whole numbers, not {dose:g}")
    name = f"{profile.name} {quantity}={dose:g}"
    if quantity == "concurrency":
        if dose < 1:
            raise UsageError(f"concurrency must be at least 1, not {dose:g}")
        return change_profile(profile, {}, name=name), int(dose), None
    return change_profile(profile, {quantity: int(dose)}, name=name), concurrency, None
