"""The labels that containerd's collector reads, as references between stored objects. Pure.

Source: containerd ``metadata/gc.go`` (1.6.20) and ``core/metadata/gc.go`` (2.2). Labels that only
later versions read (``gc.bref.*`` of 2.2, ``gc.expire`` on content and snapshots of 2.3) count as
holds on every version: what may hold a thing is never said not to. Conditional references
(``gc.cond.*``, 2.3) are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from iluvatar_bench.clients.stored import Stored

EXPIRE = "containerd.io/gc.expire"
FLAT = "containerd.io/gc.flat"

_ROOTS = ("containerd.io/gc.root", EXPIRE)
_FORWARD = "containerd.io/gc.ref."
_BACK = "containerd.io/gc.bref."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {"content": "content", "image": "image", "container": "record"}


class Reference(NamedTuple):
    """What a label says about its bearer and another object."""

    other: Stored | None
    """None: the bearer is a root of its own."""
    back: bool = False
    """Whether the other holds the bearer, instead of the bearer the other."""


def references(namespace: str, labels: Mapping[str, str]) -> Iterator[Reference]:
    """The references of an object's labels; those that are none are left out."""
    for label, value in labels.items():
        if label in _ROOTS:
            yield Reference(None)
        elif label.startswith(_FORWARD):
            other = _other(namespace, label.removeprefix(_FORWARD), value)
            if other is not None:
                yield Reference(other)
        elif label.startswith(_BACK):
            other = _other(namespace, label.removeprefix(_BACK), value)
            if other is not None:
                yield Reference(other, back=True)


def _other(namespace: str, name: str, value: str) -> Stored | None:
    if name.startswith("snapshot."):
        snapshotter = name.removeprefix("snapshot.").partition("/")[0]
        return Stored(namespace, "snapshot", f"{snapshotter}/{value}")
    for word, kind in _KINDS.items():
        # A user's own name may follow, after a dot or a slash.
        if name == word or name.startswith((f"{word}.", f"{word}/")):
            return Stored(namespace, kind, value)
    return None


def expiry_ns(labels: Mapping[str, str]) -> int | None:
    """When a lease expires, nanoseconds since the epoch; None: never, or not as containerd reads.

    Containerd ignores what is not RFC 3339 and keeps the lease (metadata/gc.go, 1.6.20).
    """
    try:
        moment = datetime.fromisoformat(labels[EXPIRE])
        if moment.tzinfo is None:
            return None
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (KeyError, ValueError, OverflowError):
        return None
