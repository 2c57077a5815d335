"""Profiles and images for tests of everything but start-up: they start in no time."""

from __future__ import annotations

from collections.abc import Sequence

from iluvatar_bench.functions import BuildOptions
from iluvatar_bench.profiles import Profile, resolve_profile

QUICK = BuildOptions("http_server", byte_code=True)
"""Python's own server, with byte code."""


def quick(name: str, overrides: Sequence[str] = ()) -> Profile:
    """The profile of that name on images like :data:`QUICK`."""
    return resolve_profile(name, ["server=http_server", "byte_code=shipped", *overrides])
