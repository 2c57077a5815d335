"""Refusals that every module of the package shares: bad numbers, columns and rows."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import pandas as pd


def check_confidence(confidence: float) -> None:
    """Refuse a confidence that is no proportion; the likely slip is 95 for 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")


def check_counts(count: int, total: int) -> tuple[int, int]:
    """Both as plain ints; raises ValueError unless 0 <= count <= total, TypeError on a float."""
    count, total = operator.index(count), operator.index(total)
    if not 0 <= count <= total:
        raise ValueError(f"count must be in 0..total, not {count} of {total}")
    return count, total


def check_probability(name: str, value: float) -> None:
    """Refuse what is outside [0, 1], NaN included."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in 0..1, not {value}")


def require_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a frame that lacks one of the columns."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(f"the trials have no column {', '.join(missing)}")


def refuse_rows(trials: pd.DataFrame, wrong: pd.Series[bool], fault: str) -> None:
    """Refuse the frame if any row is marked wrong, naming the first five by their index."""
    if wrong.any():
        where = trials.index[wrong]
        first = ", ".join(str(label) for label in where[:5])
        raise ValueError(
            f"{fault} in {len(where)} of {len(trials)} trials "
            f"(rows {first}{', ...' if len(where) > 5 else ''})"
        )


def refuse_missing(trials: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse missing keys: a groupby drops such rows without a word."""
    for name in names:
        refuse_rows(trials, trials[name].isna(), f"no {name}")
