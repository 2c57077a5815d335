"""How long a public trace's functions run, in how much memory: from files beside it. Pure.

* Azure Functions 2019 (AzureFunctionsDataset2019.md in Azure/AzurePublicDataset, revision 2):
  ``HashOwner,HashApp,HashFunction,...,percentile_Average_50,...``, milliseconds without the cold
  start, whose percentiles are of means over 30 seconds; ``HashOwner,HashApp,SampleCount,
  AverageAllocatedMb,...``, of an application, not a function. Below 0 none was recorded.
* Huawei 2023, private (README_data_release_2023.md of sir-lab/data-release):
  ``function_delay_minute`` and ``_second``, ``memory_limit_minute``, in the form of its requests:
  ``day,time,0,1,...``, in each cell the mean over the function's pods; empty: none is known. The
  release does not name the unit of a delay. Others who replay it take it for milliseconds
  (HuaweiInvocationTraceGenerator in org.graalvm.argo.dataset.generator), and so does this. A limit
  is in MB, and a pod's: the release's notebook (demo_private.ipynb) multiplies that of processors
  by ``instances``.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from iluvatar_bench.plans.csv_rows import LARGEST_NUMBER, any_number, csv_rows, with_header
from iluvatar_bench.plans.trace import (
    AZURE_COLUMNS,
    HUAWEI_COLUMNS,
    TakenTrace,
    TracedFunction,
    TraceForm,
    is_huaweis,
)

FunctionKey = tuple[str, ...]
"""A function's names in its trace: of Azure's owner, application, function, or the former two."""


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A number for each function, or application, that a file has, and the form of its trace."""

    form: TraceForm
    of: Mapping[FunctionKey, float]


def parse_durations(lines: Iterable[str], *, name: str) -> FunctionFacts:
    """How long each function runs, in milliseconds, by the means over times that its file has.

    Their median: of Azure's that over 30 seconds, of Huawei's over a minute or a second. Of a
    function of Azure's that stands there twice the first counts.

    Raises:
        UsageError: a line that cannot be read.
    """
    return _facts(lines, name, key=AZURE_COLUMNS[:3], column="percentile_Average_50")


def parse_memory(lines: Iterable[str], *, name: str) -> FunctionFacts:
    """Memory in MiB: of Azure's what an application had in the mean, of Huawei's a pod's limit.

    Raises:
        UsageError: a line that cannot be read.
    """
    return _facts(lines, name, key=AZURE_COLUMNS[:2], column="AverageAllocatedMb")


def _facts(lines: Iterable[str], name: str, *, key: Sequence[str], column: str) -> FunctionFacts:
    header, rows = with_header(lines)
    if is_huaweis(header):
        return FunctionFacts("huawei", _medians(rows, name))
    found: dict[FunctionKey, float] = {}
    for number, row in csv_rows(rows, (*key, column), name):
        value = any_number(row[column], column, name, number, least=-LARGEST_NUMBER)
        if value >= 0:
            found.setdefault(tuple(row[one] for one in key), value)
    return FunctionFacts("azure", found)


def _medians(lines: Iterable[str], name: str) -> dict[FunctionKey, float]:
    """Of each column of a file of Huawei's, over the times at which it has a number."""
    # By the second a day has 17 million cells: as objects they take gigabytes.
    found: dict[str, array[float]] = {}
    for number, row in csv_rows(lines, HUAWEI_COLUMNS, name):
        for column, text in row.items():
            if column not in HUAWEI_COLUMNS and text not in ("", "NaN", "nan"):
                value = any_number(text, f"function {column}", name, number)
                found.setdefault(column, array("d")).append(value)
    return {(column,): median(values) for column, values in found.items()}


def metadata_of(
    trace: TakenTrace,
    *,
    durations: Mapping[FunctionKey, float],
    memory: Mapping[FunctionKey, float],
    otherwise_mib: int,
) -> dict[str, TracedFunction]:
    """What stands in for a trace's functions is to run for so long and to count for so much.

    Empty where nothing of both is known. Of Azure's an application's memory is split evenly between
    its functions (those that ``durations`` has), as in FaasCache's traces
    (gen_representative_trace.py in aFuerst/faascache-sim). A function that has none counts for
    ``otherwise_mib``; one without a duration runs for 0 ms.
    """
    if not memory and all(one.duration_ms is None for one in trace.functions.values()):
        return {}
    sharing = Counter(key[:2] for key in durations)
    found: dict[str, TracedFunction] = {}
    for name, function in trace.functions.items():
        whole = memory.get(function.key[:2])
        mib = otherwise_mib if whole is None else whole / max(sharing[function.key[:2]], 1)
        lasts = round(function.duration_ms or 0.0)
        found[name] = TracedFunction(name, lasts, lasts, max(1, math.ceil(mib)))
    return found
