"""Images on disk as archives, for a containerd that is not ours to write to."""

from __future__ import annotations

import tarfile
from pathlib import Path

from iluvatar_bench.errors import ImageError, UsageError, meant
from iluvatar_bench.functions.build import build_image
from iluvatar_bench.functions.catalog import builtin_names, load_function
from iluvatar_bench.functions.images import StoredImage, find_image


def image_on_disk(name: str) -> StoredImage:
    """An image on disk by its name, digest or folder; that of a function is built if need be.

    Raises:
        UsageError: there is none, nor a function of that name.
        ImageError: the function's image cannot be built.
    """
    found = find_image(name)
    if found is not None:
        return found
    if name not in builtin_names() and not Path(name).expanduser().is_dir():
        hint = meant(name, builtin_names())
        raise UsageError(
            f"no image {name!r} on disk, nor a function of that name{hint}; iluvatar-bench image "
            "list shows those there"
        )
    built = find_image(build_image(load_function(name)).digest)
    assert built is not None
    return built


def export_image(image: StoredImage, archive: Path) -> None:
    """Write the image as an OCI archive, which ``ctr image import`` and the like take.

    The same image gives the same bytes.

    Raises:
        ImageError: it cannot be written.
    """
    files = sorted(path for path in image.layout.rglob("*") if path.is_file())
    try:
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in files:
                tar.add(path, arcname=str(path.relative_to(image.layout)), filter=_anybodys)
    except OSError as error:
        raise ImageError(f"cannot write {archive}: {error.strerror or error}") from error


def _anybodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from host to host. Blobs that images share are links on disk."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o644
    return entry
