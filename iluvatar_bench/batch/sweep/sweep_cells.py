"""The cells of a sweep and the order in which they are run. Pure.

A cell is one run: one profile on one snapshotter, one concurrency, one function, one seed. All
cells of one seed are a block: they are run on one host, one after the other in an order drawn by
lot, so that a difference between hosts is none between the treatments within a block.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iluvatar_bench.profiles import Profile

AXES = ("profile", "snapshotter", "concurrency", "function", "seed")
"""What a grid varies, in the order of the dataset's folders."""

_ID_LETTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCell:
    """One run of a sweep, with all that decides about it; what it is called follows from that.

    ``function`` is the record of a function (``runs.function_record.source_record``): its digest
    decides, its files travel along. ``hold_ms`` are inclusive bounds.
    """

    profile: Profile
    concurrency: int
    function: Mapping[str, Any]
    seed: int
    trials: int
    hold_ms: tuple[int, int]
    ready_seconds: float

    @property
    def id(self) -> str:
        """A hash of the content: the same question has the same name, today and on any host."""
        content = {
            **self.as_json(),
            "function": {name: self.function[name] for name in ("name", "kind", "digest")},
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_LETTERS]

    @property
    def axes(self) -> dict[str, str | int]:
        """Where it stands in the grid, by :data:`AXES`."""
        return {
            "profile": self.profile.name,
            "snapshotter": self.profile.snapshotter,
            "concurrency": self.concurrency,
            "function": str(self.function["name"]),
            "seed": self.seed,
        }

    @property
    def told(self) -> str:
        """In a line for people."""
        at = self.axes
        numbers = f"x{self.concurrency} seed {self.seed}"
        return f"{at['profile']} {at['snapshotter']} {at['function']} {numbers}"

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, for another process."""
        return {
            "profile": self.profile.model_dump(),
            "concurrency": self.concurrency,
            "function": dict(self.function),
            "seed": self.seed,
            "trials": self.trials,
            "hold_ms": list(self.hold_ms),
            "ready_seconds": self.ready_seconds,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SweepCell:
        """The cell that :meth:`as_json` made."""
        shortest, longest = document["hold_ms"]
        profile = Profile.model_validate(document["profile"])
        return cls(**{**document, "profile": profile, "hold_ms": (shortest, longest)})


Block = tuple[SweepCell, ...]
"""The cells of one seed, in the order in which they are to be run."""


def shuffled_blocks(cells: Iterable[SweepCell], *, order_seed: int) -> tuple[Block, ...]:
    """The cells in blocks of one seed each: blocks in an order drawn by lot, cells likewise.

    The same cells and the same ``order_seed`` always give the same order.
    """
    by_seed: dict[int, list[SweepCell]] = {}
    for cell in cells:
        by_seed.setdefault(cell.seed, []).append(cell)
    lot = random.Random(f"order of a sweep {order_seed}")
    blocks = [
        sorted(block, key=lambda cell: tuple(cell.axes.values()))
        for _, block in sorted(by_seed.items())
    ]
    for block in blocks:
        lot.shuffle(block)
    lot.shuffle(blocks)
    return tuple(map(tuple, blocks))
