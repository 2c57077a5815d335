"""Builds a function's image as an OCI layout from the host's own interpreter; no registry needed.

One layer each for the base files, the shared libraries, the interpreter, its extension modules,
the standard library, the packages, the server and the function. None holds byte code, as in
Docker's official Python images: a starting Python then writes ``__pycache__`` into the container's
own writable layer.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import ImageError
from iluvatar_bench.functions.catalog import SERVER_HOME, Function
from iluvatar_bench.functions.interpreter import (
    Interpreter,
    host_interpreter,
    library_path,
    shared_libraries,
)
from iluvatar_bench.functions.layers import (
    LAYER_TYPE,
    Blob,
    Entry,
    folder,
    write_blob,
    write_layer,
)

BUILDER_VERSION = 1
"""Raise it when the same inputs give another image."""

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image on disk: its name, its OCI layout, its manifest's digest."""

    name: str
    layout: Path
    digest: str
    layer_count: int
    from_cache: bool


def image_home() -> Path:
    """Where built images are kept: ``$XDG_CACHE_HOME/iluvatar-bench/images``."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "iluvatar-bench" / "images"


def build_image(function: Function, *, home: Path | None = None) -> BuiltImage:
    """The function's image; built once, then found again by the content it is made from.

    Raises:
        ImageError: pip cannot install the requirements (its message is shown), the host lacks a
            library, or the cache cannot be written.
    """
    interpreter = host_interpreter()
    key = _content_key(function, interpreter)
    layout = (home or image_home()) / f"{function.name}-{key[:16]}"
    name = f"iluvatar-bench/{function.name}:{key[:12]}"
    cached = (layout / "index.json").is_file()
    if not cached:
        try:
            _build_into(layout, function, interpreter)
        except OSError as error:
            raise ImageError(f"cannot build the image of {function.name}: {error}") from error
    index = json.loads((layout / "index.json").read_bytes())
    digest = index["manifests"][0]["digest"]
    manifest = json.loads((layout / "blobs" / digest.replace(":", "/")).read_bytes())
    return BuiltImage(name, layout, digest, len(manifest["layers"]), cached)


def _content_key(function: Function, interpreter: Interpreter) -> str:
    parts: list[object] = [
        BUILDER_VERSION,
        interpreter.fingerprint,
        platform.machine(),
        platform.libc_ver(),
        function.name,
        function.requirements,
    ]
    for path in (*function.files, *sorted(SERVER_HOME.glob("*.*"))):
        parts.append([path.name, hashlib.sha256(path.read_bytes()).hexdigest()])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _build_into(layout: Path, function: Function, interpreter: Interpreter) -> None:
    """Build beside the final place and rename: a half-built image is never found again."""
    layout.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.parent, prefix=".building-") as name:
        draft = Path(name) / "layout"
        blobs = draft / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        packages = Path(name) / "packages"
        _install_packages(function, packages)
        layers, environment = _write_layers(blobs, function, interpreter, packages)
        _write_index(draft, blobs, layers, interpreter, environment)
        if layout.exists():
            shutil.rmtree(layout)
        try:
            draft.rename(layout)
        except OSError:
            # Another process built the same content meanwhile: its result is as good.
            if not (layout / "index.json").is_file():
                raise


def _install_packages(function: Function, target: Path) -> None:
    requirements = target.with_suffix(".txt")
    server = (SERVER_HOME / "reqs.txt").read_text()
    requirements.write_text(f"{server}\n{function.requirements}\n")
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-input"),
        *("--disable-pip-version-check", "--root-user-action=ignore"),
        *("--target", str(target), "--requirement", str(requirements)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        message = " ".join(errors) or done.stderr.strip() or "pip failed without a word"
        raise ImageError(f"the requirements of function {function.name} do not install: {message}")


def _write_layers(
    blobs: Path, function: Function, interpreter: Interpreter, packages: Path
) -> tuple[list[Blob], dict[str, str]]:
    extensions = dict(interpreter.extension_files())
    package_files = [p for p in sorted(packages.rglob("*")) if p.is_file()]
    binaries = [interpreter.executable, *extensions]
    binaries += [path for path in package_files if path.name.endswith(".so")]
    libraries = shared_libraries(binaries)
    site = f"{interpreter.library_in_image}/site-packages"
    layers = [
        write_layer(blobs, _base_entries()),
        write_layer(blobs, [Entry(str(path), source=path, mode=0o755) for path in libraries]),
        write_layer(blobs, _interpreter_entries(interpreter)),
        write_layer(blobs, [Entry(t, source=s, mode=0o755) for s, t in extensions.items()]),
        write_layer(blobs, [Entry(t, source=s) for s, t in interpreter.library_files()]),
        write_layer(
            blobs,
            [Entry(f"{site}/{p.relative_to(packages)}", source=p) for p in package_files]
            # Debian's interpreter looks in dist-packages, all others in site-packages.
            + [
                Entry(
                    "/usr/local/lib/python3/dist-packages",
                    link_to=f"../python{interpreter.version}/site-packages",
                )
            ],
        ),
        write_layer(blobs, [Entry("/app/server.py", source=SERVER_HOME / "server.py")]),
        write_layer(
            blobs,
            [Entry(f"/app/{p.relative_to(function.folder)}", source=p) for p in function.files],
        ),
    ]
    extra = library_path(libraries)
    return layers, {"LD_LIBRARY_PATH": extra} if extra else {}


def _base_entries() -> list[Entry]:
    return [
        Entry("/etc/passwd", content=b"root:x:0:0:root:/root:/bin/false\n"),
        Entry("/etc/group", content=b"root:x:0:\n"),
        Entry("/etc/hosts", content=b"127.0.0.1 localhost\n::1 localhost\n"),
        folder("/tmp", 0o1777),
        *(folder(path) for path in ("/root", "/run", "/proc", "/sys", "/dev", "/var")),
    ]


def _interpreter_entries(interpreter: Interpreter) -> list[Entry]:
    name = Path(interpreter.executable_in_image).name
    return [
        Entry(interpreter.executable_in_image, source=interpreter.executable, mode=0o755),
        Entry("/usr/local/bin/python3", link_to=name),
    ]


def _write_index(
    draft: Path,
    blobs: Path,
    layers: list[Blob],
    interpreter: Interpreter,
    environment: dict[str, str],
) -> None:
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": [f"{name}={value}" for name, value in env.items()],
            "Cmd": [interpreter.executable_in_image, "/app/server.py"],
            "WorkingDir": "/app",
        },
        # The layers are plain tar, so a layer's diff ID is its digest.
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    config_blob = write_blob(blobs, _json(config))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config_blob),
        "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    manifest_blob = write_blob(blobs, _json(manifest))
    entry = _descriptor(MANIFEST_TYPE, manifest_blob)
    entry["platform"] = {"architecture": architecture, "os": "linux"}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
    (draft / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (draft / "index.json").write_bytes(_json(index))


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
