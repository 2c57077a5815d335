"""Media types and annotations of images: the OCI image specification's, and Docker's before it.

https://github.com/opencontainers/image-spec/blob/main/media-types.md and
https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md
"""

from __future__ import annotations

from pathlib import Path

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = f"{LAYER_TAR}+gzip"
LAYER_ZSTD = f"{LAYER_TAR}+zstd"
DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = f"{DOCKER_LAYER_TAR}.gzip"
DOCKER_LAYER_ZSTD = f"{DOCKER_LAYER_TAR}.zstd"

INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})
LAYERS = frozenset(
    {
        *(LAYER_TAR, LAYER_GZIP, LAYER_ZSTD),
        *(DOCKER_LAYER_TAR, DOCKER_LAYER_GZIP, DOCKER_LAYER_ZSTD),
    }
)

NAME_ANNOTATION = "io.containerd.image.name"
"""The whole name of an image in an index; written by containerd and by Docker since 25."""

REFERENCE_ANNOTATION = "org.opencontainers.image.ref.name"
"""The name of an image in an index, or only its tag: that depends on the writer."""

READY_LABEL = "iluvatar-bench.ready-text"
"""What the function's stderr says once it is ready: a label in an image's configuration, or an
annotation of its manifest in a layout's index, which goes before."""

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def layer_type(path: Path) -> str:
    """The media type of a layer's file, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(GZIP_MAGIC):
        return LAYER_GZIP
    return LAYER_ZSTD if start == ZSTD_MAGIC else LAYER_TAR
