"""Image archives: an OCI layout or ``docker save``'s own form, in a tar, compressed or not.

An archive becomes an OCI layout with exactly one image, which ``image_import.import_layout`` takes.
Everything is checked on the
way, before any daemon sees it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.archive_spool import Spool, unpack
from iluvatar_bench.containerd.oci.docker_archive import choose_docker
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.containerd.oci.media_types import NAME_ANNOTATION, OCI_INDEX, READY_LABEL
from iluvatar_bench.containerd.oci.oci_archive import ChosenImage, choose_oci
from iluvatar_bench.containerd.oci.platforms import host_platform, stated_platform
from iluvatar_bench.containerd.values import Platform
from iluvatar_bench.errors import ImageError
from iluvatar_bench.host.completion import call_to_end

SPOOL_HOME = Path("/var/tmp")
"""For large files that do not outlive the process (file-hierarchy(7)); /tmp is often memory."""


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """The image that was taken out of an archive: its name and its manifest's digest."""

    name: str
    digest: str
    layer_count: int


async def import_archive(
    client: Client, archive: Path, *, snapshotters: Sequence[str], name: str | None = None
) -> ImportedImage:
    """Import an archive's image for this host and unpack it for each snapshotter.

    It is stored under its name in the archive; ``name`` picks one of several.

    Raises:
        ImageError: see :func:`convert_archive`; the daemon was not asked anything.
        ContainerdError: containerd refused a part. What it had taken goes with the next
            collection.
    """
    with tempfile.TemporaryDirectory(dir=SPOOL_HOME, prefix="iluvatar-bench-") as folder:
        layout = Path(folder) / "layout"
        # Awaited to its end even when cancelled: the thread writes into the folder.
        image = await call_to_end(
            partial(convert_archive, archive, layout, name=name), undo=lambda _: None
        )
        return await import_layout(client, layout, name=image.name, snapshotters=snapshotters)


def convert_archive(
    archive: Path,
    layout: Path,
    *,
    name: str | None = None,
    ready_text: str | None = None,
    platform: Platform | None = None,
) -> ArchivedImage:
    """Write an archive's image for this host as an OCI layout into the new folder ``layout``.

    ``name`` picks one of several images by its name in the archive; ``ready_text`` goes before
    what the image itself says about its readiness.

    Raises:
        ImageError: the file is no image archive, cut off or damaged; none or several of its
            images fit. The message names file and digest.
    """
    platform = platform or host_platform()
    try:
        layout.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=layout.parent, prefix=".unpacking-") as folder:
            spool = unpack(archive, Path(folder))
            chosen = _choose(spool, platform, name)
            return _write_layout(layout, chosen, archive, platform, ready_text)
    except OSError as error:
        raise ImageError(f"cannot unpack {archive}: {error}") from error


def _choose(spool: Spool, platform: Platform, name: str | None) -> ChosenImage:
    # Docker writes both since version 25; the index has a digest for everything.
    if spool.find("index.json") is not None:
        chosen = choose_oci(spool, platform=platform, name=name)
    elif spool.find("manifest.json") is not None:
        chosen = choose_docker(spool, name=name)
    else:
        raise ImageError(
            f"{spool.archive} is no image archive, or cut off: it has neither index.json (OCI) "
            "nor manifest.json (docker save)"
        )
    stated = stated_platform(chosen.config)
    if stated != platform:
        raise ImageError(
            f"{spool.archive}: the configuration {chosen.blobs[0].digest} is for "
            f"{stated if stated.architecture else 'no platform'}; this host is {platform}"
        )
    layers = len(chosen.blobs) - 1
    diff_ids = len(chosen.config.diff_ids)
    if not layers or layers != diff_ids:
        raise ImageError(f"{spool.archive}: {layers} layers but {diff_ids} diff IDs")
    return chosen


def _write_layout(
    layout: Path,
    chosen: ChosenImage,
    archive: Path,
    platform: Platform,
    ready_text: str | None,
) -> ArchivedImage:
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for member in chosen.blobs:
        # The same layer may stand twice in an image, as an empty one often does.
        target = blobs / member.digest.removeprefix("sha256:")
        if not target.exists():
            member.path.rename(target)
    value = hashlib.sha256(chosen.manifest).hexdigest()
    (blobs / value).write_bytes(chosen.manifest)
    name = _full_name(chosen.name, archive, value)
    annotations = {NAME_ANNOTATION: name}
    if ready_text:
        annotations[READY_LABEL] = ready_text
    entry = {
        "mediaType": chosen.manifest_type,
        "digest": f"sha256:{value}",
        "size": len(chosen.manifest),
        "platform": platform.as_json(),
        "annotations": annotations,
    }
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True))
    return ArchivedImage(name, f"sha256:{value}", len(chosen.blobs) - 1)


def _full_name(name: str, archive: Path, digest: str) -> str:
    """The image's name in the archive; one made from the file's where that is none or a tag."""
    stem = archive.name.split(".")[0] or "archive"
    if not name:
        return f"imported/{stem}:{digest[:12]}"
    return name if "/" in name or ":" in name else f"imported/{stem}:{name}"
