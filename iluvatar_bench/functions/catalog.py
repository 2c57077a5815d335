"""Which functions there are: the built-in ones, and any folder with a ``main.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import UsageError

BUILTIN_HOME = Path(__file__).parent / "builtin"
SERVER_HOME = Path(__file__).parent / "server"


@dataclass(frozen=True, slots=True)
class Function:
    """A function's source: its name, the folder of its files, what it needs from pip."""

    name: str
    folder: Path
    requirements: str

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


def builtin_names() -> tuple[str, ...]:
    """The names of the built-in functions."""
    return tuple(sorted(p.name for p in BUILTIN_HOME.iterdir() if (p / "main.py").is_file()))


def load_function(name_or_folder: str) -> Function:
    """A built-in function by its name, or the function in a folder.

    Raises:
        UsageError: neither; or the folder has no ``main.py``.
    """
    folder = BUILTIN_HOME / name_or_folder
    if name_or_folder not in builtin_names():
        folder = Path(name_or_folder).expanduser()
        if not folder.is_dir():
            raise UsageError(
                f"no function {name_or_folder!r}: neither built in ({', '.join(builtin_names())}) "
                "nor a folder"
            )
    if not (folder / "main.py").is_file():
        raise UsageError(f"{folder} has no main.py with a function main(args: dict) -> dict")
    requirements = folder / "reqs.txt"
    return Function(
        name=folder.resolve().name,
        folder=folder.resolve(),
        requirements=requirements.read_text() if requirements.is_file() else "",
    )
