"""The content that images name: what a client that leaves an image means to be there with it."""

from __future__ import annotations

from collections.abc import Iterable

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.documents import ListedDocument, parse_document
from iluvatar_bench.containerd.oci.media_types import INDEXES, MANIFESTS
from iluvatar_bench.errors import ImageError, NotFound, ResourceExhausted


async def named_by_images(client: Client, names: Iterable[str]) -> frozenset[str]:
    """Digests of all that the images of these names refer to, by their documents, not by labels.

    An index that a client stored on the way, and no image names, is not among them: ``ctr image
    import`` writes that of the archive and keeps it under its lease only (containerd 1.6,
    images/archive/importer.go, import.go).
    """
    wanted = set(names)
    todo = [
        (record.target.media_type, record.target.digest)
        for record in await client.images.list()
        if record.name in wanted
    ]
    found: set[str] = set()
    while todo:
        media_type, digest = todo.pop()
        if digest in found:
            continue
        found.add(digest)
        if media_type not in INDEXES | MANIFESTS:
            continue
        try:
            content = await client.content.read(digest)
            document = parse_document(ListedDocument, content, where=digest)
        except (NotFound, ResourceExhausted, ImageError):
            # What is not there, or no document, names nothing.
            continue
        parts = [*document.manifests, *document.layers]
        parts += [document.config] if document.config is not None else []
        todo += [(part.media_type, part.digest) for part in parts]
    return frozenset(found)
