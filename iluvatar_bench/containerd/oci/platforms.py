"""Which platform an image is for, in the words of the OCI image specification, and this host's."""

from __future__ import annotations

import platform

from iluvatar_bench.containerd.oci.documents import PlatformDocument
from iluvatar_bench.containerd.values import Platform

_ARCHITECTURES = {
    "aarch64": ("arm64", ""),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "x86_64": ("amd64", ""),
}
"""``uname -m`` to Go's names, as in containerd's package ``platforms``."""

_PLAIN_VARIANTS = {("amd64", "v1"), ("arm64", "v8"), ("arm", "v7")}
"""Variants that mean the same as none."""


def stated_platform(document: PlatformDocument) -> Platform:
    """The platform that an index's entry or a configuration names; empty where it names none."""
    return _platform(document.os or "", document.architecture or "", document.variant or "")


def host_platform() -> Platform:
    """This host's, for which containerd picks as well."""
    machine = platform.machine()
    architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
    return _platform("linux", architecture, variant)


def _platform(os: str, architecture: str, variant: str) -> Platform:
    plain = (architecture, variant) in _PLAIN_VARIANTS
    return Platform(os, architecture, "" if plain else variant)
