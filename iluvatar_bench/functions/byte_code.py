"""Byte code of an image's Python files, compiled by the interpreter that the image has."""

from __future__ import annotations

import hashlib
import py_compile
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from iluvatar_bench.functions.cache import make_once
from iluvatar_bench.functions.interpreter import Interpreter
from iluvatar_bench.functions.layers import LayerEntry


def byte_code_entries(sources: Iterable[tuple[Path, str]], folder: Path) -> list[LayerEntry]:
    """Compile files, given with their paths in the image, into ``folder``: a layer's entries.

    The compiled files do not depend on the time of their source (PEP 552, unchecked), because all
    files of a layer have the time 0. What does not compile is left out, as pip does: packages
    ship templates and tests for other versions.
    """
    entries = []
    for source, target in sources:
        if not target.endswith(".py"):
            continue
        in_image = _compiled_path(target)
        compiled = folder / in_image.lstrip("/")
        if not compiled.exists():
            compiled.parent.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                # Invalid escapes and the like are for the authors of that source.
                warnings.simplefilter("ignore")
                py_compile.compile(
                    str(source),
                    cfile=str(compiled),
                    dfile=target,
                    quiet=2,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
        if compiled.exists():
            entries.append(LayerEntry(in_image, source=compiled))
    return entries


def library_byte_code(interpreter: Interpreter, home: Path) -> list[LayerEntry]:
    """The entries of the standard library's byte code; compiled once for an interpreter."""
    key = hashlib.sha256(interpreter.fingerprint.encode()).hexdigest()[:32]
    place = home / ".byte-code" / key
    sources = list(interpreter.library_files())

    def compile_all(draft: Path) -> None:
        byte_code_entries(sources, draft)

    make_once(place, compile_all)
    return byte_code_entries(sources, place)


def _compiled_path(target: str) -> str:
    """Where the interpreter looks for it (PEP 3147), whatever ``PYTHONPYCACHEPREFIX`` says here."""
    path = PurePosixPath(target)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")
