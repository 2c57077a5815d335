"""``explain RUN``: what there is to explain of a run, and one trial of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iluvatar_bench.commands.output import print_plain, print_rows
from iluvatar_bench.count_words import count_of

if TYPE_CHECKING:
    from iluvatar_bench.explain import Autopsy
    from iluvatar_bench.records.run_result import RunResult

_SHOWN = 30
"""So many trials of a class are listed by their numbers."""


def list_failed(name: str, run: RunResult) -> None:
    """Print the failed trials of a run by class and mechanism, and what explains the first."""
    from iluvatar_bench.explain import failed_groups

    run.require_trials()
    groups = failed_groups(run)
    # @latest is another run as soon as one is begun.
    lasting = str(run.folder) if "@" in name else name
    if groups.empty:
        print_plain(f"no trial failed: all {len(run.table)} of run {run.folder.name} went well")
    else:
        rows = [
            (row["bug_class"], row["mechanism"], row["trials"], f"explain {lasting} {row['first']}")
            for row in groups.to_dict("records")
        ]
        print_rows(("bug class", "mechanism", "trials", "the first of them"), rows)
        print_plain(f"{groups['trials'].sum()} of {count_of(len(run.table), 'trial')}")
    for remark in run.remarks:
        print_plain(f"note: {remark}")


def autopsy_in(run: RunResult, wanted: str) -> Autopsy:
    """The autopsy of a trial by its number, or of the first one of a class, which is said.

    Raises:
        UsageError: the run has no such trial, or none of that class.
    """
    from iluvatar_bench.explain import explain_trial
    from iluvatar_bench.explain.failed_trials import failed_numbers

    if wanted.isascii() and wanted.isdigit():
        return explain_trial(run, int(wanted))
    numbers = failed_numbers(run, wanted)
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    print_plain(
        f"{len(numbers)} of {len(run.table)} trials are {wanted}: "
        f"{', '.join(map(str, numbers[:_SHOWN]))}{more}; this is the first of them.\n"
    )
    return explain_trial(run, numbers[0])
