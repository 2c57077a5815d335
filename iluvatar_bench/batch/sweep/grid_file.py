"""The file of a grid: read, checked, and told with line and key where it is wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from iluvatar_bench.batch.sweep.sweep_cells import SweepCell
from iluvatar_bench.errors import UsageError, meant, unreadable
from iluvatar_bench.functions import find_source
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.plans.cold_start import MAX_CONCURRENCY, MAX_TRIALS
from iluvatar_bench.profiles import Profile, change_profile, factor_levels, resolve_profile
from iluvatar_bench.profiles.profile_file import names_a_file
from iluvatar_bench.runs.function_record import source_record

MOST_CELLS = 10_000

_AXES = ("profiles", "snapshotters", "concurrency", "functions", "seeds")
_DEEP = 3
"""Keys, entries of a list, keys of an entry: deeper a grid does not go."""

Where = tuple[str | int, ...]
"""Where something stands in the file: keys, and places in lists from 0."""

Entry = TypeVar("Entry")
Found = TypeVar("Found")


class _ProfileEntry(BaseModel):
    """A profile with changes, as ``--profile`` and ``--set`` say it on the command line."""

    model_config = ConfigDict(extra="forbid")

    base: StrictStr
    set: list[StrictStr] = []

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, written: Any) -> Any:
        return {"base": written} if isinstance(written, str) else written


class _GridFile(BaseModel):
    """What may stand in the file."""

    model_config = ConfigDict(extra="forbid")

    profiles: Annotated[list[_ProfileEntry], Field(min_length=1)]
    snapshotters: Annotated[list[StrictStr], Field(min_length=1)] | None = None
    concurrency: Annotated[
        list[Annotated[StrictInt, Field(ge=1, le=MAX_CONCURRENCY)]], Field(min_length=1)
    ] = [4]
    functions: Annotated[list[StrictStr], Field(min_length=1)] = ["hello"]
    seeds: Annotated[list[Annotated[StrictInt, Field(ge=0)]], Field(min_length=1)] = [1]
    trials: Annotated[StrictInt, Field(ge=1, le=MAX_TRIALS)] = 40
    hold_ms: Annotated[
        list[Annotated[StrictInt, Field(ge=0)]], Field(min_length=2, max_length=2)
    ] = [200, 1500]
    ready_seconds: Annotated[float, Field(strict=True, gt=0, le=3600)] = STARTUP_SECONDS
    order_seed: Annotated[StrictInt, Field(ge=0)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepGrid:
    """A checked grid: every cell once, and the seed of the order in which they are run."""

    name: str
    cells: tuple[SweepCell, ...]
    order_seed: int


def read_sweep_grid(path: Path) -> SweepGrid:
    """The grid in a file. Files and folders that it names are looked for beside it.

    Raises:
        UsageError: something in it is wrong; line and key are in the message. NoSuchFile: there is
            no such file.
        UnusablePath: it cannot be read.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text: {error}") from error
    written = _Written(path, text)
    try:
        file = _GridFile.model_validate(written.document)
    except ValidationError as error:
        raise written.refused(error) from error
    if file.hold_ms[0] > file.hold_ms[1]:
        raise written.wrong(("hold_ms",), "the shortest time comes first")
    cells = _cells(file, written)
    return SweepGrid(name=path.stem, cells=cells, order_seed=file.order_seed)


class _Written:
    """The file as it was written: its document, and the line of each of its parts.

    Raises:
        UsageError: it is no YAML, no mapping, or has a key twice.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines: dict[Where, int] = {}
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise UsageError(f"{path}: a grid is a mapping, with at least the key 'profiles'")
            self._note(node, ())
            document = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            at = error.problem_mark or error.context_mark
            where = f"{path}:{at.line + 1}" if at else str(path)
            raise UsageError(f"{where}: no YAML: {error.problem or error.context}") from error
        except (yaml.YAMLError, ValueError) as error:
            # The second: of what looks like a date and is none.
            raise UsageError(f"{path}: no YAML: {' '.join(str(error).split())}") from error
        self.document = {
            # One value is a list of one.
            str(key): [value] if key in _AXES and not isinstance(value, list) else value
            for key, value in document.items()
        }

    def wrong(self, at: Where, told: str) -> UsageError:
        """The error about what stands there."""
        known = next((at[:n] for n in range(len(at), 0, -1) if at[:n] in self._lines), ())
        line = f":{self._lines[known]}" if known else ""
        return UsageError(f"{self.path}{line}: {_named(at)}: {told}")

    def refused(self, error: ValidationError) -> UsageError:
        """The error about the first thing that the model refused."""
        # A key that is mistyped before the one that is missing for it.
        found = min(error.errors(), key=lambda one: one["type"] == "missing")
        at = found["loc"]
        if found["type"] == "missing":
            return self.wrong(at, "it is missing")
        if found["type"] == "extra_forbidden":
            known = _ProfileEntry.model_fields if len(at) > 1 else _GridFile.model_fields
            told = f"no such key{meant(str(at[-1]), known)}; there are: {', '.join(known)}"
            return self.wrong(at, told)
        return self.wrong(at, _problem(found))

    def _note(self, node: yaml.Node, at: Where) -> None:
        self._lines[at] = node.start_mark.line + 1
        if len(at) >= _DEEP:
            return
        if isinstance(node, yaml.SequenceNode):
            for number, child in enumerate(node.value):
                self._note(child, (*at, number))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                below = (*at, str(key.value))
                if below in self._lines:
                    line = key.start_mark.line + 1
                    raise UsageError(f"{self.path}:{line}: {_named(below)}: a second time")
                self._note(child, below)
                self._lines[below] = key.start_mark.line + 1


def _cells(file: _GridFile, written: _Written) -> tuple[SweepCell, ...]:
    size = math.prod(len(getattr(file, axis) or (None,)) for axis in _AXES)
    if size > MOST_CELLS:
        raise UsageError(f"{written.path}: {size} cells; a grid has at most {MOST_CELLS}")
    profiles = _each(written, "profiles", file.profiles, lambda entry: _profile(entry, written))
    functions = _each(written, "functions", file.functions, lambda name: _function(name, written))
    snapshotters = _each(written, "snapshotters", file.snapshotters or (), _snapshotter)
    numbers = [_each(written, key, getattr(file, key), int) for key in ("concurrency", "seeds")]
    cells = tuple(
        SweepCell(
            profile=profile if snapshotter is None else _on(profile, snapshotter),
            concurrency=concurrency,
            function=function,
            seed=seed,
            trials=file.trials,
            hold_ms=(file.hold_ms[0], file.hold_ms[1]),
            ready_seconds=file.ready_seconds,
        )
        for profile, snapshotter, concurrency, function, seed in itertools.product(
            profiles, snapshotters or (None,), numbers[0], functions, numbers[1]
        )
    )
    places = {tuple(cell.axes.values()) for cell in cells}
    if len(places) < len(cells):
        raise written.wrong(("profiles",), "two of them, or two functions, have one name")
    return cells


def _each(
    written: _Written, key: str, entries: Sequence[Entry], find: Callable[[Entry], Found]
) -> list[Found]:
    """What each entry of a list means; none may stand there twice."""
    found: dict[str, Found] = {}
    for number, entry in enumerate(entries):
        try:
            meaning = find(entry)
        except UsageError as error:
            raise written.wrong((key, number), str(error)) from error
        if repr(meaning) in found:
            raise written.wrong((key, number), f"{_words(entry)}: a second time")
        found[repr(meaning)] = meaning
    return list(found.values())


def _profile(entry: _ProfileEntry, written: _Written) -> Profile:
    beside = written.path.parent
    base = str(beside / Path(entry.base).expanduser()) if names_a_file(entry.base) else entry.base
    return resolve_profile(base, entry.set)


def _function(name: str, written: _Written) -> dict[str, Any]:
    beside = written.path.parent / Path(name).expanduser()
    asked = str(beside) if "/" in name and beside.is_dir() else name
    return source_record(asked, find_source(asked))


def _snapshotter(name: str) -> str:
    levels = factor_levels("snapshotter")
    if levels and name not in levels:
        told = f"no snapshotter {name!r}{meant(name, levels)}; there are: {', '.join(levels)}"
        raise UsageError(told)
    return name


def _on(profile: Profile, snapshotter: str) -> Profile:
    return change_profile(profile, {"snapshotter": snapshotter}, name=profile.name)


def _words(entry: object) -> str:
    return entry.base if isinstance(entry, _ProfileEntry) else str(entry)


def _named(at: Where) -> str:
    """``profiles[1].base``, with places in lists from 0."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return text.removeprefix(".")


_WANTED = {
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "a profile's name, or {{base: NAME, set: [FACTOR=LEVEL]}}",
    "string_type": "a text",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le:g}",
}
"""What must stand instead, by the kinds of pydantic's errors."""


def _problem(found: Any) -> str:
    """What the model says of one value, with the value."""
    bounds = found.get("ctx", {})
    if found["type"] == "too_short":
        return f"must have at least {bounds['min_length']}, not {len(found['input'])}"
    if found["type"] == "too_long":
        return f"must have at most {bounds['max_length']}, not {len(found['input'])}"
    if found["type"] in _WANTED:
        return f"must be {_WANTED[found['type']].format(**bounds)}, not {found['input']!r}"
    return f"{found['input']!r} will not do: {found['msg']}"
