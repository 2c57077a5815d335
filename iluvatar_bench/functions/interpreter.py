"""The host's own Python interpreter, as the parts of an image.

In the image it stands where Docker's official Python images have it, below ``/usr/local``; an
interpreter finds its library from its own path, so it works there wherever it came from.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import ImageError

_LEFT_OUT = frozenset(
    {
        "__pycache__",
        "dist-packages",
        "ensurepip",
        "idlelib",
        "lib-dynload",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
        "venv",
    }
)
"""Folders of the standard library that no function needs, or that are layers of their own."""

_LEFT_OUT_EXTENSIONS = ("_tkinter", "_test", "_ctypes_test", "_xx", "xx")

_DEFAULT_LIBRARY_HOMES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Where the host's interpreter keeps its parts."""

    executable: Path
    version: str
    standard_library: Path
    extension_modules: Path

    @property
    def fingerprint(self) -> str:
        """Changes when another interpreter, or another build of it, is installed."""
        stat = self.executable.stat()
        return f"{self.executable} {stat.st_size} {stat.st_mtime_ns} {sys.version}"

    @property
    def executable_in_image(self) -> str:
        """The interpreter's path in the image."""
        return f"/usr/local/bin/python{self.version}"

    @property
    def library_in_image(self) -> str:
        """The standard library's path in the image."""
        return f"/usr/local/lib/python{self.version}"

    def library_files(self) -> Iterator[tuple[Path, str]]:
        """Source files of the standard library with their paths in the image; no byte code."""
        yield from _files(self.standard_library, self.library_in_image)

    def extension_files(self) -> Iterator[tuple[Path, str]]:
        """Compiled modules with their paths in the image."""
        for path in sorted(self.extension_modules.glob("*.so")):
            if not path.name.startswith(_LEFT_OUT_EXTENSIONS):
                yield path, f"{self.library_in_image}/lib-dynload/{path.name}"


def host_interpreter() -> Interpreter:
    """The interpreter below the running environment (not the environment's link to it)."""
    extension_modules = sysconfig.get_config_var("DESTSHARED")
    return Interpreter(
        executable=Path(sys.executable).resolve(),
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
        standard_library=Path(sysconfig.get_path("stdlib")).resolve(),
        extension_modules=Path(extension_modules).resolve(),
    )


def _files(source: Path, target: str) -> Iterator[tuple[Path, str]]:
    for path in sorted(source.iterdir()):
        if path.name in _LEFT_OUT or path.name.startswith("config-"):
            continue
        if path.is_dir():
            yield from _files(path, f"{target}/{path.name}")
        elif path.suffix not in (".pyc", ".so", ".a"):
            yield path, f"{target}/{path.name}"


def shared_libraries(binaries: Sequence[Path]) -> tuple[Path, ...]:
    """Every shared library that the binaries load, the dynamic loader included, by ldd.

    Raises:
        ImageError: a library is not installed on the host.
    """
    found: set[Path] = set()
    # Many at a time, within the kernel's limit on a command line.
    for start in range(0, len(binaries), 200):
        batch = [str(path) for path in binaries[start : start + 200]]
        listing = subprocess.run(["ldd", *batch], capture_output=True, text=True, check=False)
        for line in listing.stdout.splitlines():
            name, _, rest = line.strip().partition(" => ")
            target = (rest or name).split(" (")[0].strip()
            if rest.startswith("not found"):
                raise ImageError(f"the host lacks the shared library {name}; install it")
            if target.startswith("/") and not target.endswith(":"):
                found.add(Path(target))
    return tuple(sorted(found))


def library_path(libraries: Sequence[Path]) -> str:
    """``LD_LIBRARY_PATH`` for libraries outside the loader's own folders; often empty."""
    homes = {str(path.parent) for path in libraries}
    return ":".join(
        sorted(
            home
            for home in homes
            if not any(home == d or home.startswith(f"{d}/") for d in _DEFAULT_LIBRARY_HOMES)
        )
    )
