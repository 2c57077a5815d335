"""Checks of several clients side by side: one row a client, one column a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pandas as pd

from iluvatar_bench.report.fault_rows import OUTCOMES, advised

CHECK_COLUMNS = ("client", "version", "containerd", "date")
"""What stands before the faults."""

_WORST = tuple(OUTCOMES)


class CheckedClient(Protocol):
    """What a table needs of a check (``clients.CheckResult`` is one)."""

    @property
    def name(self) -> str:
        """The client's."""
        ...

    @property
    def version(self) -> str:
        """The client's."""
        ...

    @property
    def containerd(self) -> str:
        """The version of the containerd that it was checked on."""
        ...

    @property
    def date(self) -> str:
        """The day of the check."""
        ...

    @property
    def positions(self) -> pd.DataFrame:
        """One row a run with a fault: ``position``, ``fault``, ``outcome``, ``unsafe``, …"""
        ...


def conformance_table(checks: Sequence[CheckedClient]) -> pd.DataFrame:
    """What each client did not survive.

    Returns:
        A frame of text, one row a check. Columns: ``CHECK_COLUMNS``, then a fault each, in the
        order of the check that tried most. A cell is ``safe`` or ``failed`` where nothing speaks
        against the client (the worst of the two that was seen); else the worst of the outcomes
        that do, with the number of their positions out of all that were tried, as in
        ``lost, 4 of 12``. A fault that was not tried has an en dash.
    """
    faults = _faults(checks)
    rows = [
        {
            "client": check.name,
            "version": check.version,
            "containerd": check.containerd,
            "date": check.date,
            **{fault: _cell(check.positions, fault) for fault in faults},
        }
        for check in checks
    ]
    return pd.DataFrame(rows, columns=[*CHECK_COLUMNS, *faults])


def _faults(checks: Sequence[CheckedClient]) -> tuple[str, ...]:
    """Every fault that was tried, in the order of the check that tried most."""
    tried = [tuple(map(str, check.positions["fault"].drop_duplicates())) for check in checks]
    ordered = sorted(tried, key=len, reverse=True)
    return tuple(dict.fromkeys(fault for faults in ordered for fault in faults))


def _cell(positions: pd.DataFrame, fault: str) -> str:
    tried = positions[positions["fault"] == fault]
    if tried.empty:
        return "–"
    unsafe = tried[tried["unsafe"]]
    if unsafe.empty:
        met = [str(outcome) for outcome in tried["outcome"] if outcome != "not met"]
        return _worst(met) if met else "not met"
    count, total = unsafe["position"].nunique(), tried["position"].nunique()
    return f"{_worst([str(outcome) for outcome in unsafe['outcome']])}, {count} of {total}"


def _worst(outcomes: Sequence[str]) -> str:
    return min(outcomes, key=_WORST.index)


def conformance_rows(checks: Sequence[CheckedClient]) -> list[dict[str, Any]]:
    """Rows for ``plot_fault_matrix``: a line a client instead of one a position."""
    rows = [
        {"position": number, "call": check.name, "fault": str(fault), "outcome": str(outcome)}
        for number, check in enumerate(checks, start=1)
        for fault, outcome in zip(check.positions["fault"], check.positions["outcome"], strict=True)
    ]
    # A picture has its columns in the order in which their faults come.
    faults = _faults(checks)
    return sorted(rows, key=lambda row: faults.index(str(row["fault"])))


def unsafe_positions_table(positions: pd.DataFrame) -> pd.DataFrame:
    """What speaks against one client, alike positions together.

    Columns: positions, fault, outcome, why, bug class, change. Empty where nothing does.
    """
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in positions.to_dict("records")
    ]
    columns = ["positions", "fault", "outcome", "why", "bug class", "change"]
    return pd.DataFrame(advised(records), columns=columns)


def markdown_table(frame: pd.DataFrame) -> str:
    """A frame of text as a table of a Markdown page, one line a row."""
    return "\n".join(_lines(frame)) + "\n"


def _lines(frame: pd.DataFrame) -> Iterator[str]:
    yield f"| {' | '.join(map(str, frame.columns))} |"
    yield f"|{'---|' * len(frame.columns)}"
    for row in frame.itertuples(index=False):
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
