"""What the counting files of a cgroup and of a network say, put into a reading. Pure.

A reading has a place for each of :data:`COUNTERS`. How a file of several numbers is taken apart is
found out once, from what one says: the kernel writes them in one order, so each is told by its word
then. Containers share what takes one apart, which is much of what it costs: a reader that comes by
every few seconds finds nothing of a container's own in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache

from iluvatar_bench.host.kernel.cgroup_usage import CgroupUsage, Field

COUNTERS: tuple[str, ...] = (
    *(field.name for field in fields(CgroupUsage)),
    "received_bytes",
    "sent_bytes",
)
"""What is counted, in this order."""

NETWORK = (COUNTERS.index("received_bytes"), COUNTERS.index("sent_bytes"))

Counted = tuple[float | int | None, ...]
"""A value for each of :data:`COUNTERS`; None: it was not read, or this host does not count it."""

Values = list[float | int | None]
"""A reading that is being made."""

Take = Callable[[bytes, Values], None]
"""Puts what a file says into a reading; ValueError or IndexError: it does not say it."""

_Word = tuple[int, int, int, int]
"""A number's place in a reading, its word in the file, where it begins in that, its scale."""

_DEVICE_WORDS = 17
"""Of a line of ``net/dev``: the device with its colon, and 8 numbers each of received and sent."""
_RECEIVED, _SENT = 1, 9


def taker(told: Sequence[Field], text: bytes) -> Take:
    """For a file that says ``text`` now, which has the numbers ``told``.

    Those that have to be added up are looked for each time.
    """
    if told[0].find is None:
        return _bare(COUNTERS.index(told[0].fact), told[0].scale)
    words = tuple(_word(field, text) for field in told if field.first)
    return _several(words, tuple(field for field in told if not field.first))


@cache
def _bare(place: int, scale: int) -> Take:
    def take(text: bytes, values: Values) -> None:
        value = int(text)
        values[place] = value if scale == 1 else value / scale

    return take


@cache
def _several(words: tuple[_Word, ...], sums: tuple[Field, ...]) -> Take:
    summed = tuple((COUNTERS.index(one.fact), one) for one in sums)
    wanted = max((word for _, word, _, _ in words), default=0) + 1

    def take(text: bytes, values: Values) -> None:
        if words:
            said = text.split(None, wanted)
            for place, word, begin, scale in words:
                number = int(said[word][begin:])
                values[place] = number if scale == 1 else number / scale
        for place, field in summed:
            values[place] = field.value(text)

    return take


def _word(field: Field, text: bytes) -> _Word:
    assert field.find is not None
    found = field.find.search(text)
    assert found is not None, "its value was told"
    before = text[: found.start(1)]
    word = len(before.split()) - (0 if before[-1:].isspace() else 1)
    begin = found.start(1) - (max(map(before.rfind, (b" ", b"\n"))) + 1)
    return COUNTERS.index(field.fact), word, begin, field.scale


def take_network(devices: bytes, values: Values) -> None:
    """Bytes received and sent, over all devices of ``net/dev`` but the loopback."""
    # Two lines of titles, then one a device.
    words = devices.split(b"\n", 2)[2].split()
    if len(words) % _DEVICE_WORDS:
        raise ValueError("a device's line was cut off")
    received = sent = 0
    for at in range(0, len(words), _DEVICE_WORDS):
        if words[at] != b"lo:":
            received += int(words[at + _RECEIVED])
            sent += int(words[at + _SENT])
    values[NETWORK[0]], values[NETWORK[1]] = received, sent
