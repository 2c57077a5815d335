"""Notebooks by name, and their parameters, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from iluvatar_bench.batch.notebook_files import declared_parameters
from iluvatar_bench.clients import find_check, find_known
from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.functions import find_source
from iluvatar_bench.host.socket_address import socket_path
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.profiles.profile_file import names_a_file
from iluvatar_bench.runs import find_run, find_tables, is_live

_TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list[str]": list[str],
    "list[int]": list[int],
    "list[float]": list[float],
}
"""The types that a notebook's parameters may be annotated with."""

_IN_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "list[str]": "texts",
    "list[int]": "whole numbers",
    "list[float]": "numbers",
}
"""How each is asked for; the values of a list have commas between them."""


def _path(value: str) -> str:
    return str(Path(value).resolve()) if Path(value).exists() else value


def _socket(value: str) -> str:
    return _path(str(socket_path(value))) if value else value


def _run(value: str) -> str:
    return str(find_run(value).resolve())


def _function(value: str) -> str:
    find_source(value)
    return _path(value)


def _profile(value: str) -> str:
    resolve_profile(value, ())
    return _path(value) if names_a_file(value) else value


def _source(value: str) -> str:
    is_live(value)
    return value


def _tables(value: str) -> str:
    return str(find_tables(value).resolve())


def _client(value: str) -> str:
    return find_known(value).name


def _check(value: str) -> str:
    return str(find_check(value).resolve())


_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "profile": _profile,
    "profiles": _profile,
    "function": _function,
    "functions": _function,
    "source": _source,
    "recorded": _run,
    "tables": _tables,
    "checks": _check,
    "known": _client,
    "wrong": _run,
    "right": _run,
    "baseline": _run,
    "candidate": _run,
    "results": lambda value: str(Path(value).resolve()),
    "paths": _path,
    "address": _socket,
}
"""What a parameter of this name means in every notebook: checked before a kernel starts. Where a
notebook declares a list, each value in it has the meaning.

Paths are relative to where the caller stands; the executed notebook says which they were.
"""

_READ = ("recorded", "tables", "checks")
"""Parameters that say what is read: of no use to a notebook that is to run live."""


def check_parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters, converted to the types that the notebook declares.

    Text is converted (``"40"`` to 40); a list may be given as text with commas. Profiles,
    functions and runs must exist; relative paths become absolute.

    Raises:
        UsageError: no such notebook or parameter, a value that is not of its type, or the name
            of something that there is not.
    """
    declared = parameter_types(name)
    checked: dict[str, Any] = {}
    for key, value in given.items():
        if key not in declared:
            raise UsageError(
                f"notebook {name} has no parameter {key!r}{meant(key, declared)}; there are: "
                f"{', '.join(declared)}"
            )
        converted = _converted(key, value, declared[key])
        meaning = _MEANINGS.get(key, lambda value: value)
        several = isinstance(converted, list)
        checked[key] = [meaning(one) for one in converted] if several else meaning(converted)
    if "source" in declared and checked.get("source") != "recorded":
        for key in _READ:
            if key in checked:
                raise UsageError(
                    f"{key} is read where source is recorded: add -p source=recorded, or leave "
                    f"{key} away"
                )
    return checked


def parameter_types(name: str) -> dict[str, str]:
    """Parameter to type, in order.

    Raises:
        UsageError: no such notebook, or one without exactly one readable cell of parameters.
    """
    return {parameter.name: parameter.type for parameter in declared_parameters(name)}


def _converted(key: str, value: Any, type_name: str) -> Any:
    wanted = _TYPES.get(type_name)
    if wanted is None:
        raise UsageError(f"parameter {key} declares the type {type_name!r}, which is not supported")
    is_list = type_name.startswith("list")
    if is_list and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return TypeAdapter(wanted).validate_python(value)
    except ValidationError as error:
        given = ",".join(map(str, value)) if isinstance(value, list) else value
        commas = " with commas between them" if is_list else ""
        raise UsageError(
            f"parameter {key} must be {_IN_WORDS[type_name]}{commas}, not {given!r}"
        ) from error
