"""The images on disk: built from functions, or taken out of archives. No daemon is needed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from iluvatar_bench.containerd.oci.image_archive import convert_archive
from iluvatar_bench.containerd.oci.image_import import read_layout
from iluvatar_bench.containerd.oci.media_types import NAME_ANNOTATION
from iluvatar_bench.errors import ImageError, UsageError
from iluvatar_bench.functions.build import DEFAULT_OPTIONS, BuiltImage, build_image
from iluvatar_bench.functions.build_options import BuildOptions
from iluvatar_bench.functions.cache import image_home, remove_folder, share_blobs
from iluvatar_bench.functions.catalog import (
    LONGEST_NAME,
    Function,
    builtin_names,
    load_function,
)
from iluvatar_bench.functions.root_cache import remove_roots_of


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image on disk; ``size`` in bytes is that of its blobs, shared ones included."""

    name: str
    layout: Path
    digest: str
    layer_count: int
    size: int

    @property
    def container_name(self) -> str:
        """What its containers are named after: its name's last part, without the tag."""
        last = re.split(r"[@:]", self.name.rpartition("/")[2])[0]
        return re.sub(r"[^A-Za-z0-9]+", "-", last).strip("-")[:LONGEST_NAME].strip("-") or "image"


def list_images(home: Path | None = None) -> tuple[StoredImage, ...]:
    """Every image on disk, by name. Folders that are no image are passed over."""
    home = home or image_home()
    if not home.is_dir():
        return ()
    images = (_stored(path) for path in sorted(home.iterdir()) if not path.name.startswith("."))
    return tuple(sorted(filter(None, images), key=lambda image: image.name))


def _stored(layout: Path) -> StoredImage | None:
    try:
        image = read_layout(layout)
    except ImageError:
        return None
    parts = (image.stated, image.manifest.config, *image.manifest.layers)
    return StoredImage(
        name=image.stated.annotation(NAME_ANNOTATION) or layout.name,
        layout=layout,
        digest=image.stated.digest,
        layer_count=len(image.layers),
        size=sum(part.size for part in parts),
    )


def find_image(name: str, home: Path | None = None) -> StoredImage | None:
    """The image of that name, digest or folder name; None if there is none."""
    for image in list_images(home):
        if name in (image.name, image.digest, image.layout.name):
            return image
    return None


def remove_image(name: str, home: Path | None = None) -> StoredImage:
    """Remove an image from disk; daemons that have it keep it.

    Raises:
        UsageError: there is none of that name.
        ImageError: it cannot be removed.
    """
    image = find_image(name, home)
    if image is None:
        raise UsageError(f"no image {name!r} on disk; iluvatar-bench image list shows those there")
    try:
        remove_folder(image.layout)
        remove_roots_of(image.digest)
    except OSError as error:
        raise ImageError(f"cannot remove {image.layout}: {error}") from error
    return image


def store_archive(
    archive: Path,
    *,
    name: str | None = None,
    ready_text: str | None = None,
    home: Path | None = None,
) -> StoredImage:
    """Keep an archive's image on disk; one of the same name is replaced.

    Raises:
        ImageError: see :func:`~iluvatar_bench.containerd.oci.image_archive.convert_archive`.
    """
    home = home or image_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=home, prefix=".importing-") as folder:
            draft = Path(folder) / "layout"
            image = convert_archive(archive, draft, name=name, ready_text=ready_text)
            share_blobs(draft / "blobs" / "sha256", home)
            key = hashlib.sha256(f"{image.name} {image.digest}".encode()).hexdigest()
            place = home / f"imported-{key[:16]}"
            known = find_image(image.name, home)
            for old in {place, known.layout if known else place}:
                if old.exists():
                    remove_folder(old)
            if known and known.digest != image.digest:
                remove_roots_of(known.digest)
            draft.rename(place)
    except OSError as error:
        raise ImageError(f"cannot keep the image of {archive}: {error}") from error
    stored = _stored(place)
    assert stored is not None
    return stored


def find_source(name: str, home: Path | None = None) -> Function | StoredImage:
    """What a run starts containers of: a built-in function, one in a folder, or an image on disk.

    Raises:
        UsageError: none of them; or the folder holds no proper function.
    """
    if name in builtin_names() or Path(name).expanduser().is_dir():
        return load_function(name)
    stored = find_image(name, home)
    if stored is not None:
        return stored
    try:
        return load_function(name)
    except UsageError as error:
        raise UsageError(f"{error}, nor an image on disk (iluvatar-bench image list)") from error


def image_of(
    source: Function | StoredImage,
    options: BuildOptions = DEFAULT_OPTIONS,
    *,
    home: Path | None = None,
) -> BuiltImage:
    """The image that containers are made from; a function's is built unless it is there.

    Raises:
        UsageError: options other than the default for an image that is not built here.
        ImageError: as :func:`~iluvatar_bench.functions.build.build_image`.
    """
    if isinstance(source, Function):
        return build_image(source, options, home=home)
    require_buildable(source, options)
    return BuiltImage(source.name, source.layout, source.digest, source.layer_count, True)


def require_buildable(source: Function | StoredImage, options: BuildOptions) -> None:
    """Refuse options that an image is to be built with, for one that is not built here.

    Raises:
        UsageError: they would be recorded and had no effect.
    """
    if isinstance(source, StoredImage) and options != DEFAULT_OPTIONS:
        raise UsageError(
            f"server and byte_code are chosen when an image is built; {source.name} is built"
        )
