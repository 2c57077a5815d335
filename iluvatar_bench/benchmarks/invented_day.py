"""A day in the form of Azure's trace of 2019, invented: to practise on, and for docs/traces.md.

``python -m iluvatar_bench.benchmarks.invented_day FOLDER`` writes ``invocations.csv``,
``durations.csv`` and ``memory.csv``. Rates are skewed as the published ones are (Pareto), functions
are on and off by turns, and a daily rhythm lies above that. The same seed writes the same files.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.errors import UnusablePath

_MINUTES = 1440
_APPLICATIONS = 80
_AN_OWNERS = 3
"""Applications of one owner."""
_MOST_FUNCTIONS = 5
"""Of an application."""
_BUSIEST = 3.0
"""Invocations a minute, in the mean."""

_INVOCATIONS = "HashOwner,HashApp,HashFunction,Trigger," + ",".join(
    map(str, range(1, _MINUTES + 1))
)
_DURATIONS = (
    "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,"
    "percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,"
    "percentile_Average_99,percentile_Average_100"
)
_MEMORY = "HashOwner,HashApp,SampleCount,AverageAllocatedMb," + ",".join(
    f"AverageAllocatedMb_pct{share}" for share in (1, 5, 25, 50, 75, 95, 99, 100)
)


def invented_day(seed: int) -> dict[str, list[str]]:
    """The lines of each file, by the file's name."""
    source = random.Random(seed)
    files = {"invocations": [_INVOCATIONS], "durations": [_DURATIONS], "memory": [_MEMORY]}
    for application in range(_APPLICATIONS):
        owner = f"o{application // _AN_OWNERS},a{application}"
        mib = round(source.lognormvariate(5.0, 0.5))
        files["memory"].append(f"{owner},9" + f",{mib}" * 9)
        for number in range(source.randrange(1, _MOST_FUNCTIONS + 1)):
            name = f"{owner},f{application}_{number}"
            counts = ",".join(map(str, _counts(source)))
            files["invocations"].append(f"{name},http,{counts}")
            ms = round(source.lognormvariate(5.5, 1.1))
            files["durations"].append(f"{name},{ms},9,1,{3 * ms},1,1" + f",{ms}" * 5)
    return files


def _counts(source: random.Random) -> Iterator[int]:
    """A function's invocations in each minute of the day."""
    rate = min(source.paretovariate(0.45) * 0.002, _BUSIEST)
    on = source.random() < 0.3
    phase = source.random() * 2 * math.pi
    for minute in range(_MINUTES):
        if source.random() < (0.08 if on else 0.02):
            on = not on
        rhythm = 1 + 0.7 * math.sin(2 * math.pi * minute / _MINUTES + phase)
        yield _poisson(source, rate * (4 if on else 0.15) * rhythm)


def _poisson(source: random.Random, mean: float) -> int:
    """How many exponential waits fit into ``mean``."""
    count, waited = 0, source.expovariate(1)
    while waited < mean:
        count += 1
        waited += source.expovariate(1)
    return count


def write_invented_day(
    folder: Annotated[Path, typer.Argument(help="Gets the three files.")],
    seed: Annotated[int, typer.Option(help="The same one invents the same day.")] = 20,
) -> None:
    """Invent a day in the form of Azure's trace of 2019.

    Raises:
        UnusablePath: a file cannot be written.
    """
    for name, lines in invented_day(seed).items():
        path = folder / f"{name}.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
        except OSError as error:
            raise UnusablePath(f"cannot write {path}: {error.strerror or error}") from error
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    typer.run(write_invented_day)
