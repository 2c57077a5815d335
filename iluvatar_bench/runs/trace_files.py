"""Traces from disk: the one place where a workload reads a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    DEFAULT_WINDOW,
    FunctionFacts,
    TakenTrace,
    TracedFunction,
    TraceWindow,
    parse_azure,
    parse_azure_2021,
    parse_durations,
    parse_huawei,
    parse_memory,
    parse_metadata,
    parse_trace,
    taken_whole,
    trace_form,
)
from iluvatar_bench.plans.csv_rows import with_header

Parsed = TypeVar("Parsed")


def read_trace(
    path: Path, *, window: TraceWindow = DEFAULT_WINDOW, durations: FunctionFacts | None = None
) -> TakenTrace:
    """A trace of any form (``plans.trace``, ``plans.azure_2019``, ``plans.public_traces``).

    ``window`` is for the public ones; of Ilúvatar's everything is taken. ``durations`` are those of
    :func:`read_durations`, from a file beside the trace.

    Raises:
        UsageError: the file cannot be read, or it is no trace; durations of another form.
    """

    def parse(lines: Iterable[str]) -> TakenTrace:
        header, rows = with_header(lines)
        name = str(path)
        form = trace_form(header, name=name)
        if durations is not None and form != durations.form:
            raise UsageError(
                f"{name} is no trace of {_WHOSE[durations.form]}: the durations are not for it"
            )
        of = None if durations is None else durations.of
        match form:
            case "iluvatar":
                return taken_whole(parse_trace(rows, name=name))
            case "azure":
                return parse_azure(rows, name=name, window=window, durations=of)
            case "azure_2021":
                return parse_azure_2021(rows, name=name, window=window)
            case "huawei":
                return parse_huawei(rows, name=name, window=window, durations=of)

    return _read(path, parse)


_WHOSE = {"azure": "Azure's of 2019", "huawei": "Huawei's"}


def read_durations(path: Path) -> FunctionFacts:
    """A file of durations, of a day of Azure's trace of 2019 or Huawei's.

    Raises:
        UsageError: the file cannot be read, or a line of it.
    """
    return _read(path, lambda lines: parse_durations(lines, name=str(path)))


def read_memory(path: Path) -> FunctionFacts:
    """A file of memory, of a day of Azure's trace of 2019 or Huawei's.

    Raises:
        UsageError: the file cannot be read, or a line of it.
    """
    return _read(path, lambda lines: parse_memory(lines, name=str(path)))


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
