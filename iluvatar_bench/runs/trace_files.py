"""Traces from disk: the one place where a workload reads a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    TracedFunction,
    TracedInvocation,
    parse_azure,
    parse_azure_2021,
    parse_huawei,
    parse_metadata,
    parse_trace,
    trace_form,
)

Parsed = TypeVar("Parsed")


def read_trace(
    path: Path, *, seed: int, first_minute: int = 1, minutes: int = 10, functions: int = 10
) -> tuple[TracedInvocation, ...]:
    """A trace of any form (``plans.trace``, ``plans.public_traces``).

    The numbers are for the public ones, of which some minutes and functions are taken.

    Raises:
        UsageError: the file cannot be read, or it is no trace.
    """

    def parse(lines: Iterable[str]) -> tuple[TracedInvocation, ...]:
        waiting = iter(lines)
        header = next(waiting, "")
        form = trace_form(header, name=str(path))

        def all_lines() -> Iterator[str]:
            yield header
            yield from waiting

        if form == "iluvatar":
            return parse_trace(all_lines(), name=str(path))
        window: dict[str, int] = {
            "first_minute": first_minute,
            "minutes": minutes,
            "functions": functions,
        }
        if form == "azure_2021":
            return parse_azure_2021(all_lines(), name=str(path), **window)
        by_counts = parse_azure if form == "azure" else parse_huawei
        return by_counts(all_lines(), name=str(path), seed=seed, **window)

    return _read(path, parse)


def read_metadata(path: Path) -> dict[str, TracedFunction]:
    """A trace's metadata.

    Raises:
        UsageError: the file cannot be read, or a line of it.
    """
    return _read(path, lambda lines: parse_metadata(lines, name=str(path)))


def _read(path: Path, parse: Callable[[Iterable[str]], Parsed]) -> Parsed:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return parse(file)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
