"""Progress for people who wait: a bar with live counts per bug class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

from iluvatar_bench.records import Outcome, Trial


@contextmanager
def progress_bar(total: int, *, quiet: bool = False) -> Iterator[Callable[[Trial], None]]:
    """A bar for ``total`` trials; call what it gives with each trial that ends.

    ``quiet`` shows nothing, for output that nobody watches.
    """
    counts: Counter[str] = Counter()
    with tqdm(total=total, unit="trial", dynamic_ncols=True, disable=quiet) as bar:

        def show(trial: Trial) -> None:
            failed = trial.outcome is Outcome.FAILED
            counts[str(trial.bug_class if failed else trial.outcome)] += 1
            bar.set_postfix(dict(sorted(counts.items())), refresh=False)
            bar.update()

        yield show
