"""Which functions there are: the built-in ones, and any folder with a ``main.py``."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.functions.requirements import check_includes
from iluvatar_bench.functions.source_check import check_source

BUILTIN_HOME = Path(__file__).parent / "builtin"
SERVER_HOME = Path(__file__).parent / "server"

NAME = re.compile(r"[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*")
"""What containerd takes as an identifier (its package ``identifiers``): names of containers begin
with the function's."""

LONGEST_NAME = 48
"""Of the 76 characters of an identifier, the rest is the run's and the trial's."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function's source: its name, the folder of its files, what it needs from pip."""

    name: str
    folder: Path
    requirements: str

    @property
    def container_name(self) -> str:
        """What its containers are named after."""
        return self.name

    @property
    def files(self) -> tuple[Path, ...]:
        """Every source file, sorted; byte code is no source."""
        return tuple(
            sorted(
                path
                for path in self.folder.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
        )

    @property
    def digests(self) -> list[list[str]]:
        """Each file's path below the folder with the digest of its content."""
        return [
            [str(path.relative_to(self.folder)), hashlib.sha256(path.read_bytes()).hexdigest()]
            for path in self.files
        ]

    @property
    def digest(self) -> str:
        """Of all its files, by their paths and contents: equal exactly where the source is."""
        return "sha256:" + hashlib.sha256(json.dumps(self.digests).encode()).hexdigest()


def builtin_names() -> tuple[str, ...]:
    """The names of the built-in functions."""
    return tuple(sorted(p.name for p in BUILTIN_HOME.iterdir() if (p / "main.py").is_file()))


def load_function(name_or_folder: str) -> Function:
    """A built-in function by its name, or the function in a folder.

    Raises:
        UsageError: neither; or the folder's ``main.py`` or ``reqs.txt`` is not what it has to be.
    """
    if name_or_folder in builtin_names():
        folder = BUILTIN_HOME / name_or_folder
    else:
        folder = Path(name_or_folder).expanduser()
        if not folder.is_dir():
            raise UsageError(
                f"no function {name_or_folder!r}{meant(name_or_folder, builtin_names())}: neither "
                f"built in ({', '.join(builtin_names())}) nor a folder"
            )
    folder = folder.resolve()
    main = folder / "main.py"
    if not main.is_file():
        raise UsageError(f"{folder} has no main.py with a function main(args: dict) -> dict")
    check_source(main)
    if not NAME.fullmatch(folder.name) or len(folder.name) > LONGEST_NAME:
        raise UsageError(
            f"the folder's name {folder.name!r} is the function's, and cannot be a container's: "
            f"at most {LONGEST_NAME} letters and digits, with single . _ or - between them"
        )
    return Function(name=folder.name, folder=folder, requirements=_requirements(folder))


def _requirements(folder: Path) -> str:
    path = folder / "reqs.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    check_includes(text, folder)
    return text
