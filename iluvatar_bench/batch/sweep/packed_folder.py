"""A folder's files as one value that travels."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path


def packed(folder: Path) -> bytes:
    """All files below the folder, as a zip archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, path.relative_to(folder))
    return sink.getvalue()


def unpack_folder(content: bytes, folder: Path) -> None:
    """Put them into the folder; ``zipfile`` lets no name lead out of it.

    Raises:
        OSError: they cannot be written.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
