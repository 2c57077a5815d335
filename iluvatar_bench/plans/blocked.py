"""The blocked plan: several cells side by side, in random order within each block.

Every block holds every cell equally often, so a host that slows down half-way slows all of them
down alike, and cells are compared only within a block (Fisher, The Design of Experiments, 1935).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans.cold_start import PlannedTrial, cold_start


@dataclass(frozen=True, slots=True)
class BlockedTrial:
    """One container, the cell (a number from 0) that it belongs to, and its block."""

    planned: PlannedTrial
    cell: int
    block: int


@dataclass(frozen=True, slots=True)
class BlockedPlan:
    """Trials in order, block by block; ``cells`` names the cells."""

    trials: tuple[BlockedTrial, ...]
    cells: tuple[str, ...]
    concurrency: int
    seed: int

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON-ready values, each trial with its cell and block."""
        rows = [{**asdict(t.planned), "cell": t.cell, "block": t.block} for t in self.trials]
        return {
            "cells": list(self.cells),
            "concurrency": self.concurrency,
            "seed": self.seed,
            "trials": rows,
        }


def blocked(
    cells: Sequence[str],
    *,
    blocks: int,
    repeats: int,
    concurrency: int,
    seed: int,
    function: str = "hello",
    hold_ms: tuple[int, int] = (200, 1500),
    apart: bool = False,
) -> BlockedPlan:
    """A plan of ``blocks`` blocks, each with ``repeats`` trials of every cell, shuffled.

    ``repeats`` of 2 and more keeps containers of one cell alive beside each other: what a shared
    cgroup needs to show anything. ``apart``: within a block the cells come one after the other, in
    random order, for trials that must not live beside those of another cell. The same arguments
    always give the same plan.

    Raises:
        UsageError: a number is out of its range, or there is no cell.
    """
    if not cells:
        raise UsageError("an experiment needs at least one cell")
    if blocks < 1 or repeats < 1:
        raise UsageError(f"blocks and repeats must be at least 1, not {blocks} and {repeats}")
    size = len(cells) * repeats
    drawn = cold_start(
        trials=blocks * size,
        concurrency=concurrency,
        seed=seed,
        function=function,
        hold_ms=hold_ms,
    )
    random_state = random.Random(f"blocks of {seed}")
    trials: list[BlockedTrial] = []
    waiting = iter(drawn.trials)
    for block in range(blocks):
        order = [cell for cell in range(len(cells)) for _ in range(repeats)]
        random_state.shuffle(order)
        if apart:
            turns = list(range(len(cells)))
            random_state.shuffle(turns)
            order.sort(key=turns.index)
        planned = islice(waiting, size)
        trials += [BlockedTrial(p, cell, block) for p, cell in zip(planned, order, strict=True)]
    return BlockedPlan(tuple(trials), tuple(cells), concurrency, seed)
