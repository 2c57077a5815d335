"""Images from a registry, into a running containerd or onto disk."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from iluvatar_bench.containerd.client import NAMESPACE, connect
from iluvatar_bench.containerd.daemon.private import private_daemon
from iluvatar_bench.containerd.oci.image_archive import SPOOL_HOME
from iluvatar_bench.containerd.oci.pull import export, pull, require_full
from iluvatar_bench.functions.images import StoredImage, store_archive
from iluvatar_bench.host.first_error import cleaned_up
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR


async def pull_into(
    address: Path, reference: str, *, snapshotter: str = "overlayfs", plain_http: bool = False
) -> str:
    """Pull into our namespace of the containerd at ``address``; gives the digest.

    Raises:
        UsageError, ImageError, MissingProgram: as :func:`~iluvatar_bench.containerd.oci.pull.pull`.
        EnvironmentProblem, Unreachable: there is no containerd at the address.
    """
    require_full(reference)
    async with connect(address) as client:
        known = reference in {image.name for image in await client.images.list()}
        async with AsyncExitStack() as stack:
            if not known:
                # ctr names the image before it unpacks it: a name that stays would hold what it
                # has fetched so far for ever.
                forget = partial(client.images.delete, reference)
                await stack.enter_async_context(cleaned_up(forget, only_after_failure=True))
            await pull(
                address,
                reference,
                namespace=NAMESPACE,
                snapshotter=snapshotter,
                plain_http=plain_http,
            )
        return (await client.images.get(reference)).target.digest


async def pull_onto_disk(
    reference: str,
    *,
    ready_text: str | None = None,
    plain_http: bool = False,
    home: Path | None = None,
) -> StoredImage:
    """Pull through a containerd of our own and keep the image on disk.

    Raises:
        UsageError: the reference is not a full one.
        ImageError: it cannot be pulled, with ctr's own words, or is not for this host.
        EnvironmentProblem: the host lacks something that a containerd needs.
    """
    require_full(reference)
    async with private_daemon(collector=QUIET_COLLECTOR) as node:
        await pull(node.address, reference, namespace=NAMESPACE, plain_http=plain_http)
        with tempfile.TemporaryDirectory(dir=SPOOL_HOME, prefix="iluvatar-bench-") as folder:
            archive = Path(folder) / "image.tar"
            await export(node.address, reference, archive, namespace=NAMESPACE)
            return await asyncio.to_thread(store_archive, archive, ready_text=ready_text, home=home)
