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
        total=total, unit="trial", ncols=110, disable=quiet, file=stream or sys.stdout
    ) as bar:

        def show(trial: Trial) -> None:
            failed = trial.outcome is Outcome.FAILED
            counts[str(trial.bug_class if failed else trial.outcome)] += 1
            bar.set_postfix(dict(sorted(counts.items())), refresh=False)
            bar.update()

        yield show
