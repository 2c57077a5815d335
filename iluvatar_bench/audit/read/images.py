"""Which committed snapshot is the top layer of which image: what the content store says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci.documents import (
    ConfigDocument,
    D,
    ListedDocument,
    parse_document,
)
from iluvatar_bench.containerd.oci.image_import import chain_ids
from iluvatar_bench.containerd.services.images import ImageRecord
from iluvatar_bench.errors import ContainerdError, ImageError

_DEEPEST = 3
"""An index of indexes is as deep as they get."""


async def top_snapshots(
    client: Client, images: Sequence[ImageRecord], content: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[str, ...]]:
    """Image name to the chain IDs of its top layers, one for each platform that is here.

    Images whose content is elsewhere, incomplete or not understood are left out.
    """
    search = _Search(client, content)
    return {
        image.name: tuple(dict.fromkeys(await search.tops(image.target.digest))) for image in images
    }


@dataclass(slots=True)
class _Search:
    """Each document is read once, however many images and indexes name it."""

    client: Client
    content: Mapping[str, Mapping[str, str]]
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def tops(self, digest: str, *, depth: int = 0) -> tuple[str, ...]:
        """The chain IDs below a manifest or an index."""
        if digest not in self.known:
            # An index that is met again before it is finished names itself, or was found too deep.
            self.known[digest] = ()
            self.known[digest] = await self._read(digest, depth)
        return self.known[digest]

    async def _read(self, digest: str, depth: int) -> tuple[str, ...]:
        found: dict[str, None] = {}
        document = await self._document(ListedDocument, digest)
        if document is None:
            return ()
        for entry in document.manifests if depth < _DEEPEST else ():
            found |= dict.fromkeys(await self.tops(entry.digest, depth=depth + 1))
        if document.config is not None:
            config = await self._document(ConfigDocument, document.config.digest)
            if config is not None and config.diff_ids:
                found[list(chain_ids(config.diff_ids))[-1]] = None
        return tuple(found)

    async def _document(self, kind: type[D], digest: str) -> D | None:
        if digest not in self.content:
            return None
        try:
            content = await self.client.content.read(digest)
            return parse_document(kind, content, where=digest)
        except (ContainerdError, ImageError):
            # Gone meanwhile, or damaged: nothing is claimed about such an image.
            return None
