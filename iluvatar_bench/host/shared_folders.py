"""Folders that several processes share, and that the last of them to leave removes."""

from __future__ import annotations

from pathlib import Path

_TIMES_MADE = 100


def entries(directory: Path) -> tuple[Path, ...]:
    """What is in a folder, by name; nothing where it is not there, or goes in this moment."""
    try:
        return tuple(sorted(directory.iterdir()))
    except FileNotFoundError:
        return ()


def make_below_shared(directory: Path, *, mode: int, exist_ok: bool = False) -> None:
    """Make a folder with all above it, although another's end may be removing what is empty there.

    ``Path.mkdir`` fails where that comes between its steps: FileNotFoundError where the folder
    above was made and is gone again, FileExistsError where one was found and is gone as it is
    looked at (Python 3.11, pathlib.py).

    Raises:
        FileExistsError: it is there, and may not be; or something that is no folder has its name.
        OSError: it cannot be made, or was removed as often as it was made.
    """
    for _ in range(_TIMES_MADE):
        try:
            directory.mkdir(mode=mode, parents=True, exist_ok=exist_ok)
            return
        except FileNotFoundError:
            continue
        except FileExistsError as error:
            found = Path(error.filename)
            if (found == directory and not exist_ok) or (found.exists() and not found.is_dir()):
                raise
    raise FileNotFoundError(f"{directory.parent} keeps disappearing")
