"""What a manifest keeps of a run's functions: enough to have the same ones on another host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.functions import BuildOptions, Function, StoredImage, load_function
from iluvatar_bench.functions.cache import image_home, make_once
from iluvatar_bench.functions.catalog import NAME
from iluvatar_bench.functions.images import find_image
from iluvatar_bench.runs.request import lasting
from iluvatar_bench.runs.testbed import TestbedSettings

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

MOST_SOURCE_BYTES = 64 * 1024
"""A function's source is kept in the manifest up to this size: a manifest is read often."""


def function_records(
    settings: TestbedSettings, images: Mapping[tuple[str, BuildOptions], ImportedImage]
) -> list[dict[str, Any]]:
    """A JSON-ready record for each function of a run, in the order of the settings.

    ``digest`` is that of the source, or of the image where an image was all there was; ``files``
    has the source by path, or is None where it is too large or no text; ``images`` are those that
    its containers were made from.
    """
    return [
        {
            **source_record(asked, source),
            "images": [
                {
                    "name": image.name,
                    "digest": image.digest,
                    "server": options.server,
                    "byte_code": options.byte_code,
                }
                for (name, options), image in images.items()
                if name == source.container_name
            ],
        }
        for asked, source in zip(settings.functions, settings.sources, strict=True)
    ]


def source_record(asked: str, source: Function | StoredImage) -> dict[str, Any]:
    """Of one function, all but the images that were made from it: enough for
    :func:`same_function`."""
    return {
        "asked": lasting(asked),
        "name": source.container_name,
        "kind": "function" if isinstance(source, Function) else "image",
        "digest": source.digest,
        "files": _files(source) if isinstance(source, Function) else None,
    }


def same_function(record: Mapping[str, Any]) -> str:
    """What to ask for here to have a recorded run's function again, byte for byte.

    That is the same name or folder where it holds the same source still, the image of the same
    digest, or a folder in the cache that is filled with the source that was kept.

    Raises:
        UsageError: none of them; the message says what is missing, and where to get it from.
        UnusablePath: the cache cannot be written.
        KeyError, TypeError, ValueError: it is no record.
    """
    asked, digest = str(record["asked"]), str(record["digest"])
    if record["kind"] == "image":
        if find_image(digest) is None:
            raise UsageError(
                f"the image {asked} ({digest}) is not on disk here: image import or image pull it"
            )
        return digest
    try:
        if load_function(asked).digest == digest:
            return asked
    except UsageError:
        # A folder that is gone, or holds no function any more: what was kept serves.
        pass
    files = record["files"]
    if files is None:
        raise UsageError(
            f"the source of function {record['name']} ({digest}) is not at {asked} as it was, and "
            f"the run kept none: it was above {MOST_SOURCE_BYTES >> 10} KiB or no text"
        )
    return str(_restored(str(record["name"]), digest, dict(files)))


def _files(function: Function) -> dict[str, str] | None:
    """The source by path; None where it is too large, or no text.

    A file that changes or goes away meanwhile is no reason to end a run.
    """
    try:
        if sum(path.stat().st_size for path in function.files) > MOST_SOURCE_BYTES:
            return None
        return {
            str(path.relative_to(function.folder)): path.read_bytes().decode()
            for path in function.files
        }
    except (OSError, UnicodeDecodeError):
        return None


def _restored(name: str, digest: str, files: Mapping[str, str]) -> Path:
    # A manifest may come from anywhere, and both become parts of a path.
    if not NAME.fullmatch(name) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"no function can be named {name!r} with the digest {digest!r}")
    # Beside the images: what a folder of functions is found again by is its content.
    place = image_home().parent / "functions" / digest.removeprefix("sha256:")[:16] / name

    def fill(draft: Path) -> None:
        for below, text in files.items():
            path = (draft / below).resolve()
            if not path.is_relative_to(draft.resolve()):
                raise UsageError(
                    f"the run's function {name} has a file outside its folder: {below}"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    try:
        make_once(place, fill)
    except OSError as error:
        raise UnusablePath(f"cannot write {place}: {error.strerror or error}") from error
    if load_function(str(place)).digest != digest:
        raise UsageError(f"the source in {place} is not the run's: remove that folder")
    return place
