"""What images consist of: top layers and documents, as the content store has them."""

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


@dataclass(frozen=True, slots=True)
class ImageParts:
    """What an image consists of, as far as it is here.

    ``tops`` are the chain IDs of its top layers, one for each platform, and ``documents`` the
    digests of its indexes, manifests and configurations.
    """

    tops: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


async def image_parts(
    client: Client, images: Sequence[ImageRecord], content: Mapping[str, Mapping[str, str]]
) -> dict[str, ImageParts]:
    """The parts of each image, by name.

    Those whose content is elsewhere, incomplete or not understood have fewer, or none.
    """
    search = _Search(client, content)
    return {image.name: await search.parts(image.target.digest) for image in images}


@dataclass(slots=True)
class _Search:
    """Each document is read once, however many images and indexes name it."""

    client: Client
    content: Mapping[str, Mapping[str, str]]
    known: dict[str, ImageParts] = field(default_factory=dict)

    async def parts(self, digest: str, *, depth: int = 0) -> ImageParts:
        """What is below a manifest or an index."""
        if digest not in self.known:
            # An index that is met again before it is finished names itself, or was found too deep.
            self.known[digest] = ImageParts()
            self.known[digest] = await self._read(digest, depth)
        return self.known[digest]

    async def _read(self, digest: str, depth: int) -> ImageParts:
        tops: dict[str, None] = {}
        document = await self._document(ListedDocument, digest)
        if document is None:
            return ImageParts()
        documents = {digest: None}
        for entry in document.manifests if depth < _DEEPEST else ():
            below = await self.parts(entry.digest, depth=depth + 1)
            tops |= dict.fromkeys(below.tops)
            documents |= dict.fromkeys(below.documents)
        if document.config is not None:
            config = await self._document(ConfigDocument, document.config.digest)
            if config is not None and config.diff_ids:
                documents[document.config.digest] = None
                tops[list(chain_ids(config.diff_ids))[-1]] = None
        return ImageParts(tuple(tops), tuple(documents))

    async def _document(self, kind: type[D], digest: str) -> D | None:
        if digest not in self.content:
            return None
        try:
            content = await self.client.content.read(digest)
            return parse_document(kind, content, where=digest)
        except (ContainerdError, ImageError):
            # Gone meanwhile, or damaged: nothing is claimed about such an image.
            return None
