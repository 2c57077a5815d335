"""Traces from disk: the one place where a workload reads a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from iluvatar_bench.errors import UsageError
from iluvatar_bench.plans import (
    ChoiceRule,
    TakenTrace,
    TracedFunction,
    parse_azure,
    parse_azure_2021,
    parse_azure_durations,
    parse_azure_memory,
    parse_huawei,
    parse_metadata,
    parse_trace,
    taken_whole,
    trace_form,
)

Parsed = TypeVar("Parsed")
FunctionKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWindow:
    """What is taken of a public trace: some minutes, some functions, a share of invocations."""

    first_minute: int = 1
    minutes: int = 10
    functions: int = 10
    rule: ChoiceRule = "most"
    keep: float = 1.0


DEFAULT_WINDOW = TraceWindow()


def read_trace(
    path: Path,
    *,
    seed: int,
    window: TraceWindow = DEFAULT_WINDOW,
    durations: Mapping[FunctionKey, float] | None = None,
) -> TakenTrace:
    """A trace of any form (``plans.trace``, ``plans.azure_2019``, ``plans.public_traces``).

    ``window`` is for the public ones; of Ilúvatar's everything is taken. ``durations`` are those of
    :func:`read_azure_durations`, for Azure's trace of 2019.

    Raises:
        UsageError: the file cannot be read, or it is no trace; durations of another form.
    """

    def parse(lines: Iterable[str]) -> TakenTrace:
        waiting = iter(lines)
        header = next(waiting, "")
        name = str(path)
        form = trace_form(header, name=name)
        if durations is not None and form != "azure":
            raise UsageError(f"{name} is no trace of Azure's of 2019: the durations are not for it")
        rows = chain((header,), waiting)
        taken = asdict(window)
        match form:
            case "iluvatar":
                return taken_whole(parse_trace(rows, name=name))
            case "azure":
                return parse_azure(rows, name=name, seed=seed, durations=durations, **taken)
            case "azure_2021":
                return parse_azure_2021(rows, name=name, seed=seed, **taken)
            case "huawei":
                return parse_huawei(rows, name=name, seed=seed, **taken)

    return _read(path, parse)


def read_azure_durations(path: Path) -> dict[FunctionKey, float]:
    """The file of durations of a day of Azure's trace of 2019.

    Raises:
        UsageError: the file cannot be read, or a line of it.
    """
    return _read(path, lambda lines: parse_azure_durations(lines, name=str(path)))


def read_azure_memory(path: Path) -> dict[FunctionKey, float]:
    """The file of applications' memory of a day of Azure's trace of 2019.

    Raises:
        UsageError: the file cannot be read, or a line of it.
    """
    return _read(path, lambda lines: parse_azure_memory(lines, name=str(path)))


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
