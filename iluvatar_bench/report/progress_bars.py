"""Progress for people who wait: a bar with live counts per bug class."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, TextIO

from tqdm import tqdm

from iluvatar_bench.records import ArrivalRecord, Outcome, Trial


@contextmanager
def progress_bar(
    total: int, *, quiet: bool = False, stream: TextIO | None = None
) -> Iterator[Callable[[Trial], None]]:
    """A bar for ``total`` trials; call what it gives with each trial that ends.

    ``quiet`` shows nothing, for output that nobody watches. The bar is text on ``stream``
    (default: standard output), so that an executed notebook and its HTML keep its last state.
    """
    counts: Counter[str] = Counter()
    with _bar(total, quiet=quiet, stream=stream) as bar:

        def show(trial: Trial) -> None:
            counts[_answer(trial)] += 1
            bar.set_description_str(_counted(counts), refresh=False)
            bar.update()

        yield show


@dataclass(frozen=True, slots=True)
class ArrivalsBar:
    """Advances with arrivals; counts the trials, because they are what has bug classes."""

    bar: tqdm[NoReturn]
    trials: Counter[str] = field(default_factory=Counter)

    def trial(self, trial: Trial) -> None:
        """A container's life has ended."""
        self.trials[_answer(trial)] += 1
        self.bar.set_description_str(f"containers: {_counted(self.trials)}")

    def arrival(self, _: ArrivalRecord) -> None:
        """An arrival has ended."""
        self.bar.update()


@contextmanager
def arrivals_bar(
    total: int, *, quiet: bool = False, stream: TextIO | None = None
) -> Iterator[ArrivalsBar]:
    """A bar for ``total`` arrivals; see :func:`progress_bar`."""
    with _bar(total, quiet=quiet, stream=stream) as bar:
        yield ArrivalsBar(bar)


def _bar(total: int, *, quiet: bool, stream: TextIO | None) -> tqdm[NoReturn]:
    return tqdm(
        total=total,
        # The counts are what people look for: they are never cut for the bar's sake.
        bar_format="{percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}] "
        "{desc}",
        ncols=200,
        disable=quiet,
        file=stream or sys.stdout,
    )


def _answer(trial: Trial) -> str:
    return str(trial.bug_class if trial.outcome is Outcome.FAILED else trial.outcome)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
