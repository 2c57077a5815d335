"""Progress for people who wait: a bar with live counts per bug class."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from iluvatar_bench.records import Outcome, Trial


@contextmanager
def progress_bar(
    total: int, *, quiet: bool = False, stream: TextIO | None = None
) -> Iterator[Callable[[Trial], None]]:
    """A bar for ``total`` trials; call what it gives with each trial that ends.

    ``quiet`` shows nothing, for output that nobody watches. The bar is text on ``stream``
    (default: standard output), so that an executed notebook and its HTML keep its last state.
    """
    counts: Counter[str] = Counter()
    with tqdm(
        total=total,
        # The counts are what people look for: they are never cut for the bar's sake.
        bar_format="{percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt} [{elapsed}] {desc}",
        ncols=200,
        disable=quiet,
        file=stream or sys.stdout,
    ) as bar:

        def show(trial: Trial) -> None:
            failed = trial.outcome is Outcome.FAILED
            counts[str(trial.bug_class if failed else trial.outcome)] += 1
            text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            bar.set_description_str(text, refresh=False)
            bar.update()

        yield show
