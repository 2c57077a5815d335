"""The labels that containerd's collector reads, and from which version on it does. Pure.

Source: containerd v1.6.20 and v1.7.24 ``metadata/gc.go``, v2.0.0 to v2.3.4 ``core/metadata/gc.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from iluvatar_bench.containerd.daemon.versions import Release
from iluvatar_bench.containerd.expiry import EXPIRY_LABEL, rfc3339

ROOT_LABEL = "containerd.io/gc.root"
FLAT_LABEL = "containerd.io/gc.flat"

_FORWARD, _BACK = "containerd.io/gc.ref.", "containerd.io/gc.bref."
_CONDITION = "containerd.io/gc.cond.snapshot"
_USED_AT = "containerd.io/gc.cond.value-usedat"

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


class CollectorNode(NamedTuple):
    """An object that the collector knows: ``snapshot``, ``content``, ``image`` or ``container``.

    A snapshot's name has its snapshotter and a slash in front. What a flat lease holds is visited
    as another node than the object itself: its labels lead nowhere.
    """

    kind: str
    name: str
    flat: bool = False


@dataclass(frozen=True, slots=True)
class CollectorRules:
    """What one version's collector knows."""

    images_expire: bool
    """Images are objects of the collector: they expire, leases and labels may hold them. (2.0)"""
    back_references: bool
    """Labels by which an object is held by another one that does not name it. (2.2)"""
    conditions: bool
    """References that hold while a snapshot was used lately, or long ago. (2.3)"""

    @property
    def any_root_suffix(self) -> bool:
        """Whether a label that only begins as ``gc.root`` does makes a root: as of 2.2."""
        return self.back_references


def rules_of(containerd: Release | None) -> CollectorRules:
    """The rules of a version; where it is not known, those of the oldest, which hold least."""
    version = containerd or Release(1, 6, 0)
    return CollectorRules(
        images_expire=version >= (2, 0),
        back_references=version >= (2, 2),
        conditions=version >= (2, 3),
    )


def is_root(labels: Mapping[str, str], rules: CollectorRules) -> bool:
    """Whether a snapshot or a blob is held for its label alone, whatever its value."""
    if rules.any_root_suffix:
        return any(label.startswith(ROOT_LABEL) for label in labels)
    return ROOT_LABEL in labels


def forward(labels: Mapping[str, str], rules: CollectorRules) -> Iterator[CollectorNode]:
    """What an object holds by its labels."""
    for label, value in labels.items():
        node = _target(label.removeprefix(_FORWARD), value) if label.startswith(_FORWARD) else None
        known = ("snapshot", "content", "image") if rules.images_expire else ("snapshot", "content")
        if node is not None and node.kind in known:
            yield node


def backward(labels: Mapping[str, str], rules: CollectorRules) -> Iterator[CollectorNode]:
    """What holds an object by the object's own labels."""
    if not rules.back_references:
        return
    for label, value in labels.items():
        node = _target(label.removeprefix(_BACK), value) if label.startswith(_BACK) else None
        if node is not None:
            yield node


def conditions(
    labels: Mapping[str, str], rules: CollectorRules
) -> Iterator[tuple[CollectorNode, str, timedelta]]:
    """Snapshots that an image or a blob holds while they are younger (``<``) or older (``>``)."""
    if not rules.conditions:
        return
    for label, value in labels.items():
        all_conditions, separator, key = value.partition("|")
        if not label.startswith(_CONDITION) or not separator:
            continue
        snapshotter = label.removeprefix(_CONDITION).lstrip("./").partition("/")[0]
        for condition in all_conditions.split(","):
            found = re.fullmatch(r"usedat([<>])(?!=)(.*)", condition)
            length = _duration(found[2]) if found else None
            if found and length is not None:
                yield CollectorNode("snapshot", f"{snapshotter}/{key}"), found[1], length


def used_at(labels: Mapping[str, str], rules: CollectorRules) -> Iterator[datetime]:
    """When a snapshot was used, as its labels have it."""
    for label, value in labels.items():
        moment = rfc3339(value) if rules.conditions and label.startswith(_USED_AT) else None
        if moment is not None:
            yield moment


def has_expired(labels: Mapping[str, str], now: datetime, rules: CollectorRules) -> bool:
    """Whether an image's time is over. Snapshots and blobs do not expire in any version to 2.3."""
    expiry = rfc3339(labels.get(EXPIRY_LABEL, "")) if rules.images_expire else None
    return expiry is not None and expiry < now


def _target(name: str, value: str) -> CollectorNode | None:
    """What follows a slash, or for all but snapshots a dot, only tells labels apart."""
    if name.startswith("snapshot."):
        snapshotter = name.removeprefix("snapshot.").partition("/")[0]
        return CollectorNode("snapshot", f"{snapshotter}/{value}")
    for kind in ("content", "image", "container"):
        if name == kind or name.startswith((f"{kind}.", f"{kind}/")):
            return CollectorNode(kind, value)
    return None


def _duration(text: str) -> timedelta | None:
    """Go's notation of a duration (time.ParseDuration); None where it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
    try:
        return timedelta(seconds=-seconds if found[1] == "-" else seconds)
    except OverflowError:
        return None
