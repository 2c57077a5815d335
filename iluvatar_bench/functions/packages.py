"""What pip installs for an image: in stages, so that images share the packages of their server."""

from __future__ import annotations

import filecmp
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from iluvatar_bench.errors import ImageError
from iluvatar_bench.functions.build_options import BuildOptions, Server
from iluvatar_bench.functions.cache import make_once
from iluvatar_bench.functions.catalog import SERVER_HOME, Function
from iluvatar_bench.functions.interpreter import Interpreter
from iluvatar_bench.functions.requirements import with_absolute_includes

INSTALLER_VERSION = 2
"""Raise it, and the builder's, when the same requirements give other files."""


_REQUIREMENTS: dict[Server, tuple[str, ...]] = {
    "flask": ("reqs.txt",),
    "gunicorn": ("reqs.txt", "reqs-gunicorn.txt"),
    "http_server": (),
}


def package_stages(
    function: Function, options: BuildOptions, interpreter: Interpreter, home: Path
) -> list[list[tuple[Path, str]]]:
    """Files of the image's packages, as (file, path below site-packages), a list for each layer.

    What the server takes comes first (Flask, then what gunicorn adds; http_server takes nothing),
    then what the function adds. Each stage is
    installed together with those before it, so that pip finds contradictions; a file that an
    earlier stage has already is left to that stage's layer.

    Raises:
        ImageError: pip cannot install the requirements.
    """
    texts = [(SERVER_HOME / name).read_text() for name in _REQUIREMENTS[options.server]]
    if function.requirements.strip():
        texts.append(function.requirements)
    stages: list[list[tuple[Path, str]]] = []
    below: list[Path] = []
    for count in range(1, len(texts) + 1):
        of_function = count == len(texts) and bool(function.requirements.strip())
        own = function.digests if of_function else []
        key = [INSTALLER_VERSION, interpreter.fingerprint, texts[:count], own]
        place = home / ".packages" / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        installed = _installed("\n".join(texts[:count]), function, place)
        stages.append(
            [
                (path, name)
                for path, name in _files(installed)
                if not any(_same(path, other / name) for other in below)
            ]
        )
        below.insert(0, installed)
    return stages


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(path, other, shallow=False)


def _files(installed: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(installed.rglob("*")):
        if path.is_file():
            yield path, str(path.relative_to(installed))


def _installed(requirements: str, function: Function, place: Path) -> Path:
    """The folder that pip installed into; found again for the same requirements."""

    def install(draft: Path) -> None:
        _pip_install(requirements, function, draft)

    make_once(place, install)
    return place


def _pip_install(requirements: str, function: Function, target: Path) -> None:
    listing = target.with_suffix(".txt")
    listing.write_text(f"{with_absolute_includes(requirements, function.folder)}\n")
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-input"),
        *("--disable-pip-version-check", "--root-user-action=ignore"),
        *("--target", str(target), "--requirement", str(listing)),
    ]
    # Paths in the requirements (./wheels/x.whl) are relative to the function.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=function.folder)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        message = " ".join(errors) or done.stderr.strip() or "pip failed without a word"
        raise ImageError(f"the requirements of function {function.name} do not install: {message}")
    _drop_scripts(target)


def _drop_scripts(target: Path) -> None:
    """Remove start scripts and their mention.

    They name this host's interpreter, which the image does not have, and would give it another
    digest for every environment that it is built from.
    """
    shutil.rmtree(target / "bin", ignore_errors=True)
    for record in target.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("../../bin/")))
