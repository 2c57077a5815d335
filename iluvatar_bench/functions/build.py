"""Builds a function's image as an OCI layout from the host's own interpreter; no registry needed.

One layer each for the base files, the shared libraries, the interpreter, its extension modules,
the standard library, the packages of the server (and what the function adds to them), the server
and the function. None holds byte code, as in Docker's official Python images, unless it is asked
for: then it lies in layers of its own on top, so that both images share all others.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.containerd.oci.image_import import read_layout
from iluvatar_bench.containerd.oci.media_types import READY_LABEL
from iluvatar_bench.errors import ImageError
from iluvatar_bench.functions.build_options import BuildOptions, Server
from iluvatar_bench.functions.byte_code import byte_code_entries, library_byte_code
from iluvatar_bench.functions.cache import image_home, make_once, share_blobs
from iluvatar_bench.functions.catalog import SERVER_HOME, Function
from iluvatar_bench.functions.interpreter import (
    Interpreter,
    host_interpreter,
    library_path,
    shared_libraries,
)
from iluvatar_bench.functions.layers import Blob, LayerEntry, folder, write_layer
from iluvatar_bench.functions.layout_documents import write_documents
from iluvatar_bench.functions.packages import package_stages

BUILDER_VERSION = 3
"""Raise it when the same inputs give another image."""

DEFAULT_OPTIONS = BuildOptions()


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image on disk: its name, its OCI layout, its manifest's digest."""

    name: str
    layout: Path
    digest: str
    layer_count: int
    from_cache: bool


@dataclass(frozen=True, slots=True)
class _Recipe:
    """Everything an image is made from."""

    function: Function
    options: BuildOptions
    interpreter: Interpreter
    home: Path
    """The cache."""

    @property
    def key(self) -> str:
        """Changes with the content."""
        parts: list[object] = [
            BUILDER_VERSION,
            self.interpreter.fingerprint,
            platform.machine(),
            platform.libc_ver(),
            [self.options.server, self.options.byte_code],
            self.function.name,
            self.function.requirements,
            self.function.digests,
        ]
        for path in sorted(SERVER_HOME.glob("*.*")):
            parts.append([path.name, hashlib.sha256(path.read_bytes()).hexdigest()])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def build_image(
    function: Function, options: BuildOptions = DEFAULT_OPTIONS, *, home: Path | None = None
) -> BuiltImage:
    """The function's image; built once, then found again by the content it is made from.

    Raises:
        ImageError: pip cannot install the requirements (its message is shown), the host lacks a
            library, or the cache cannot be written.
    """
    recipe = _Recipe(function, options, host_interpreter(), home or image_home())
    try:
        key = recipe.key
    except OSError as error:
        raise ImageError(
            f"cannot build the image of {function.name}: {error.filename} cannot be read: "
            f"{error.strerror}"
        ) from error
    layout = recipe.home / f"{function.name}{options.tag}-{key[:16]}"
    name = f"iluvatar-bench/{function.name}{options.tag}:{key[:12]}"

    def build(draft: Path) -> None:
        _build_into(draft, recipe, name)

    try:
        cached = make_once(layout, build)
    except OSError as error:
        raise ImageError(f"cannot build the image of {function.name}: {error}") from error
    image = read_layout(layout)
    return BuiltImage(name, layout, image.stated.digest, len(image.layers), cached)


def _build_into(draft: Path, recipe: _Recipe, name: str) -> None:
    blobs = draft / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    interpreter = recipe.interpreter
    stages = package_stages(recipe.function, recipe.options, interpreter, recipe.home)
    site = f"{interpreter.library_in_image}/site-packages"
    packages = [[(path, f"{site}/{below}") for path, below in stage] for stage in stages]
    application = _application_files(recipe)
    layers, environment = _interpreter_layers(
        blobs, interpreter, [path for stage in packages for path, _ in stage]
    )
    for stage in packages:
        layers.append(write_layer(blobs, [LayerEntry(t, source=p) for p, t in stage]))
    layers += [
        write_layer(blobs, [LayerEntry(t, source=p) for p, t in part]) for part in application
    ]
    if recipe.options.byte_code:
        # On top of everything: the layers below are those of the image without it.
        layers.append(write_layer(blobs, library_byte_code(interpreter, recipe.home)))
        sources = [file for part in (*packages, *application) for file in part]
        compiled = byte_code_entries(sources, draft.with_name("compiled"))
        layers.append(write_layer(blobs, compiled))
    _write_index(draft, layers, recipe, environment, name)
    share_blobs(blobs, recipe.home)


def _application_files(recipe: _Recipe) -> list[list[tuple[Path, str]]]:
    """The server's files and the function's, with their paths in the image."""
    server = _SERVER_FILES[recipe.options.server]
    function = recipe.function
    return [
        [(SERVER_HOME / name, f"/app/{name}") for name in server],
        [(path, f"/app/{path.relative_to(function.folder)}") for path in function.files],
    ]


def _interpreter_layers(
    blobs: Path, interpreter: Interpreter, packages: list[Path]
) -> tuple[list[Blob], dict[str, str]]:
    """The layers below the packages, and the environment that they need."""
    extensions = dict(interpreter.extension_files())
    binaries = [interpreter.executable, *extensions]
    binaries += [path for path in packages if path.name.endswith(".so")]
    libraries = shared_libraries(binaries)
    layers = [
        write_layer(blobs, _base_entries()),
        write_layer(blobs, [LayerEntry(str(path), source=path, mode=0o755) for path in libraries]),
        write_layer(blobs, _interpreter_entries(interpreter)),
        write_layer(blobs, [LayerEntry(t, source=s, mode=0o755) for s, t in extensions.items()]),
        write_layer(blobs, [LayerEntry(t, source=s) for s, t in interpreter.library_files()]),
    ]
    extra = library_path(libraries)
    return layers, {"LD_LIBRARY_PATH": extra} if extra else {}


def _base_entries() -> list[LayerEntry]:
    return [
        LayerEntry("/etc/passwd", content=b"root:x:0:0:root:/root:/bin/false\n"),
        LayerEntry("/etc/group", content=b"root:x:0:\n"),
        LayerEntry("/etc/hosts", content=b"127.0.0.1 localhost\n::1 localhost\n"),
        folder("/tmp", 0o1777),
        *(folder(path) for path in ("/root", "/run", "/proc", "/sys", "/dev", "/var")),
    ]


def _interpreter_entries(interpreter: Interpreter) -> list[LayerEntry]:
    name = Path(interpreter.executable_in_image).name
    return [
        LayerEntry(interpreter.executable_in_image, source=interpreter.executable, mode=0o755),
        LayerEntry("/usr/local/bin/python3", link_to=name),
        # Debian's interpreter looks in dist-packages, all others in site-packages.
        LayerEntry(
            "/usr/local/lib/python3/dist-packages",
            link_to=f"../python{interpreter.version}/site-packages",
        ),
    ]


def _write_index(
    draft: Path, layers: list[Blob], recipe: _Recipe, environment: dict[str, str], name: str
) -> None:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
    process = {
        "Env": [f"{variable}={value}" for variable, value in env.items()],
        "Cmd": [
            recipe.interpreter.executable_in_image,
            *_SERVER_ARGUMENTS[recipe.options.server],
        ],
        "WorkingDir": "/app",
        "Labels": {READY_LABEL: recipe.options.ready_text},
    }
    write_documents(draft, layers=layers, process=process, name=name)


_SERVER_FILES: dict[Server, tuple[str, ...]] = {
    "flask": ("server.py",),
    "gunicorn": ("server.py", "gunicorn.conf.py"),
    "http_server": ("http_server.py",),
}

_SERVER_ARGUMENTS: dict[Server, tuple[str, ...]] = {
    "flask": ("/app/server.py",),
    "gunicorn": ("-m", "gunicorn", "--config", "/app/gunicorn.conf.py", "server:app"),
    "http_server": ("/app/http_server.py",),
}
