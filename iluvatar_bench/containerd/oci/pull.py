"""Pulls an image from a registry through containerd's own client, ``ctr``.

Talking to registries is a protocol of its own (authentication, redirects, mirrors) that the daemon
of 1.6 leaves to its clients; its Transfer service (``services/transfer.py``) exists only from 1.7.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

from iluvatar_bench.containerd.daemon.versions import Release, pull_flags, release
from iluvatar_bench.containerd.oci.platforms import host_platform
from iluvatar_bench.errors import ImageError, MissingProgram, UsageError

PULL_SECONDS = 900.0
EXPORT_SECONDS = 300.0

_FULL_REFERENCE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/[a-z0-9._/-]+(?::[\w.-]+|@sha256:[0-9a-f]{64})+"
)


def require_full(reference: str) -> None:
    """Refuse a reference that ctr would answer no more than "object required" to.

    Raises:
        UsageError: it does not name registry, repository and tag or digest.
    """
    if not _FULL_REFERENCE.fullmatch(reference):
        raise UsageError(
            f"{reference!r} is no full reference (registry/repository:tag), as in "
            "docker.io/library/busybox:latest"
        )


async def pull(
    address: Path,
    reference: str,
    *,
    namespace: str,
    snapshotter: str = "overlayfs",
    plain_http: bool = False,
    seconds: float = PULL_SECONDS,
) -> None:
    """Pull a reference for this host's platform into a daemon, and unpack it.

    ``plain_http`` is for a registry of one's own without TLS.

    Raises:
        UsageError: the reference is not a full one.
        MissingProgram: ctr is not installed.
        ImageError: it failed, with ctr's own words; or it took too long.
    """
    require_full(reference)
    flags = [*pull_flags(await _ctr_release()), *(["--plain-http"] if plain_http else [])]
    await _ctr(
        *("images", "pull", "--snapshotter", snapshotter),
        *("--platform", str(host_platform()), *flags, "--", reference),
        address=address,
        namespace=namespace,
        what=f"pull {reference}",
        seconds=seconds,
    )


async def export(address: Path, reference: str, archive: Path, *, namespace: str) -> None:
    """Write an image of a daemon into a new archive (tar, OCI and Docker form in one).

    Raises:
        MissingProgram: ctr is not installed.
        ImageError: it failed, with ctr's own words; or it took too long.
    """
    await _ctr(
        *("images", "export", "--platform", str(host_platform()), "--", str(archive), reference),
        address=address,
        namespace=namespace,
        what=f"export {reference}",
        seconds=EXPORT_SECONDS,
    )


async def _ctr_release() -> Release | None:
    process = await asyncio.create_subprocess_exec(
        _program(), "--version", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return release(said.decode(errors="replace"))


def _program() -> str:
    program = shutil.which("ctr")
    if program is None:
        raise MissingProgram(
            "ctr, containerd's own client, is not installed; on Debian or Ubuntu: "
            "apt-get install containerd"
        )
    return program


async def _ctr(*arguments: str, address: Path, namespace: str, what: str, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        _program(),
        *("--address", str(address), "--namespace", namespace, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        # Progress bars.
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, said = await process.communicate()
    except TimeoutError as error:
        raise ImageError(f"could not {what} within {seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        words = lines[-1].removeprefix("ctr: ") if lines else f"status {process.returncode}"
        raise ImageError(f"could not {what}: {words}")
