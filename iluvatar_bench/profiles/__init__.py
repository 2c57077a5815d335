"""The vocabulary of a lifecycle: factors, levels, presets, profile files, factorial designs."""

from iluvatar_bench.profiles.design import Design, design
from iluvatar_bench.profiles.level_names import FORCED_COLLECTIONS
from iluvatar_bench.profiles.profile import (
    PRESETS,
    Profile,
    change_profile,
    factor_levels,
    factor_names,
    named_profile,
    resolve_profile,
)

__all__ = [
    "FORCED_COLLECTIONS",
    "PRESETS",
    "Design",
    "Profile",
    "change_profile",
    "design",
    "factor_levels",
    "factor_names",
    "named_profile",
    "resolve_profile",
]
