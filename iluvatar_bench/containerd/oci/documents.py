"""The JSON documents of an image, as far as they are read, with the shapes they must have.

OCI image specification 1.1: descriptor.md, image-index.md, manifest.md, config.md; Docker's own
forms have the same fields. Whoever made the document may have written anything: what is not of the
right shape is refused in one line that says where, before any of it is used.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from iluvatar_bench.containerd.services.content import DOCUMENT_BYTES
from iluvatar_bench.errors import ImageError

_MOST_SHOWN = 100
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable")
    return text


Word = Annotated[str, Field(max_length=4096), AfterValidator(_printable)]
"""A name, type or digest: one line that can be shown."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class PlatformDocument(_Document):
    """The platform that an index's entry or a configuration names; empty where it names none."""

    os: Word | None = None
    architecture: Word | None = None
    variant: Word | None = None


class DescriptorDocument(_Document):
    """What refers to a blob. ``size`` is in bytes."""

    media_type: Word = Field("", alias="mediaType")
    digest: Word = ""
    size: int = Field(-1, ge=0, lt=1 << 63)
    platform: PlatformDocument | None = None
    annotations: dict[str, str] | None = None

    def annotation(self, key: str) -> str:
        """The annotation, or nothing."""
        return (self.annotations or {}).get(key, "")


class IndexDocument(_Document):
    """A list of manifests, or of further indexes."""

    manifests: tuple[DescriptorDocument, ...]


class ManifestDocument(_Document):
    """One image: its configuration and its layers, the lowest first."""

    config: DescriptorDocument
    layers: tuple[DescriptorDocument, ...] = ()


class ListedDocument(_Document):
    """A manifest or an index, where only the content says which."""

    manifests: tuple[DescriptorDocument, ...] = ()
    config: DescriptorDocument | None = None
    layers: tuple[DescriptorDocument, ...] = ()


class RootDocument(_Document):
    """The digests of the uncompressed layers."""

    diff_ids: tuple[Word, ...] = ()


class ProcessDocument(_Document):
    """What a container of the image runs; Docker writes null for what is empty."""

    entrypoint: tuple[str, ...] | None = Field(None, alias="Entrypoint")
    cmd: tuple[str, ...] | None = Field(None, alias="Cmd")
    env: tuple[str, ...] | None = Field(None, alias="Env")
    working_folder: str | None = Field(None, alias="WorkingDir")
    labels: dict[str, str] | None = Field(None, alias="Labels")


class ConfigDocument(PlatformDocument):
    """An image's configuration."""

    config: ProcessDocument | None = None
    rootfs: RootDocument | None = None

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The digests of the uncompressed layers; none where it lists none."""
        return self.rootfs.diff_ids if self.rootfs else ()


class SavedImage(_Document):
    """One image in the ``manifest.json`` of ``docker save``: names of files, and of the image."""

    config: Word = Field(alias="Config")
    layers: tuple[Word, ...] = Field(alias="Layers")
    tags: tuple[Word, ...] | None = Field(None, alias="RepoTags")


SAVED_IMAGES: TypeAdapter[tuple[SavedImage, ...]] = TypeAdapter(tuple[SavedImage, ...])

D = TypeVar("D", bound=BaseModel)


def read_document(kind: type[D], path: Path, *, where: str) -> D:
    """The document in a file; ``where`` names it in messages.

    Raises:
        ImageError: it cannot be read, is too large, no JSON, or not of the shape.
    """
    return parse_document(kind, read_bounded(path, where=where), where=where)


def read_bounded(path: Path, *, where: str) -> bytes:
    """The content of a document's file.

    Raises:
        ImageError: it cannot be read, or is larger than any document.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > DOCUMENT_BYTES:
                raise ImageError(f"{where} has {size} bytes, too many for a document")
            return file.read(size)
    except OSError as error:
        raise ImageError(f"{where} cannot be read: {error.strerror}") from error


def parse_document(kind: type[D], content: bytes, *, where: str) -> D:
    """The document in these bytes.

    Raises:
        ImageError: it is no JSON, or not of the shape; the message says at which field.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise ImageError(f"{where} {problem(error)}") from error


def is_digest(text: str) -> bool:
    """Whether it is a digest of the one algorithm that images are made with."""
    return _DIGEST.fullmatch(text) is not None


def problem(error: ValidationError) -> str:
    """The first of what is wrong, in one line and without what the document itself says."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"is no JSON: {shown(first['msg'].removeprefix('Invalid JSON: '))}"
    field = ".".join(map(str, first["loc"]))
    return f"is not of the right form, at {shown(field) or 'its top'}: {first['msg']}"


def shown(text: str) -> str:
    """Text that a document brought along, for a message: one line, and not too long."""
    line = "".join(c if c.isprintable() else "?" for c in text[: _MOST_SHOWN + 1])
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}…"
