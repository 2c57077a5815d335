"""The rootfs oracle: is a file that a process missed in the image, and does the container see it?

Two roots are looked into, both from outside and without a change to either: the image's, which is
the chain of directories that its committed snapshot stands for, and the container's as it is now.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from iluvatar_bench.bugs import FileKind, FileVerdict, MissingFact, MissingName
from iluvatar_bench.bugs.rules.missing_file import file_verdict, holds_module
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import Mount
from iluvatar_bench.host.first_error import cleaned_up
from iluvatar_bench.host.kernel.layered_tree import LayeredTree

LATER_SECONDS = 0.1
"""How much later the second look is: a file that is only late would be there by then."""


@dataclass(frozen=True, slots=True)
class SeenRoot:
    """The container's root as it is now, and whose view of it that is."""

    tree: LayeredTree
    through: str


class ImageLayers:
    """The directories of images, remembered: asking for them can change what containerd does next.

    One for all containers of a run.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Path, ...]] = {}

    async def tree(
        self, client: Client, *, snapshotter: str, chain_id: str, mounts: Sequence[Mount]
    ) -> LayeredTree | None:
        """The image's files; None where one of its directories is gone or nobody names them.

        The mount request of an overlay names them. Other snapshotters are asked for a view, once
        for each image: it is made under a lease and removed again.

        Raises:
            ContainerdError: the view could not be made.
        """
        key = (snapshotter, chain_id)
        if key not in self._known:
            found = _lower_directories(mounts)
            self._known[key] = found or await _viewed(client, snapshotter, chain_id)
        layers = self._known[key]
        if not layers or not all(layer.is_dir() for layer in layers):
            return None
        return LayeredTree(layers)


def _lower_directories(mounts: Sequence[Mount]) -> tuple[Path, ...]:
    return tuple(Path(lower) for mount in mounts for lower in mount.lower_directories)


async def _viewed(client: Client, snapshotter: str, chain_id: str) -> tuple[Path, ...]:
    snapshots = client.snapshots(snapshotter)
    key = f"look-{secrets.token_hex(6)}"
    async with client.leases.hold("look") as lease, cleaned_up(partial(snapshots.remove, key)):
        mounts = await snapshots.view(key, parent=chain_id, lease=lease)
    return _lower_directories(mounts) or tuple(Path(m.source) for m in mounts if m.type == "bind")


async def look_up(
    names: Sequence[MissingName],
    *,
    image: LayeredTree | None,
    seen: SeenRoot | None,
    search: Sequence[str],
) -> tuple[MissingFact, ...]:
    """What became of each missing file.

    ``image`` and ``seen`` are None where they are not known; ``search`` are absolute folders that
    modules may lie in beside the usual ones. Waits :data:`LATER_SECONDS` where something that is
    in the image cannot be seen, and looks again.
    """
    first = [_look(name, image, seen, search) for name in names]
    if not any(_worth_a_second_look(fact) for fact in first):
        return tuple(first)
    await asyncio.sleep(LATER_SECONDS)
    return tuple(
        _look_again(name, fact, seen, search) if _worth_a_second_look(fact) else fact
        for name, fact in zip(names, first, strict=True)
    )


def _look_again(
    name: MissingName, fact: MissingFact, seen: SeenRoot | None, search: Sequence[str]
) -> MissingFact:
    visible = _visible(name, fact.path_in_image, seen, search)
    return _with_verdict(name, replace(fact, visible_later=visible))


def _worth_a_second_look(fact: MissingFact) -> bool:
    return fact.visible_now is False and fact.in_image is not False


def _look(
    name: MissingName, image: LayeredTree | None, seen: SeenRoot | None, search: Sequence[str]
) -> MissingFact:
    try:
        path = find(image, name, search) if image is not None else None
        in_image = None if image is None else path is not None
    except OSError:
        path, in_image = None, None
    fact = MissingFact(
        kind=name.kind,
        name=name.name,
        verdict=FileVerdict.UNKNOWN,
        in_image=in_image,
        path_in_image=path,
        visible_now=_visible(name, path, seen, search),
        seen_through=None if seen is None else seen.through,
    )
    return _with_verdict(name, fact)


def _with_verdict(name: MissingName, fact: MissingFact) -> MissingFact:
    verdict = file_verdict(
        name,
        in_image=fact.in_image,
        visible_now=fact.visible_now,
        visible_later=fact.visible_later,
    )
    return replace(fact, verdict=verdict)


def _visible(
    name: MissingName, path: str | None, seen: SeenRoot | None, search: Sequence[str]
) -> bool | None:
    if seen is None:
        return None
    try:
        if path is None:
            # Wherever it may have come to be.
            return find(seen.tree, name, search) is not None
        if name.kind in (FileKind.MODULE, FileKind.NAME):
            # Python imports what a listing of the folder shows (importlib's FileFinder). On an
            # overlay whose upper directory is gone a merged folder cannot be listed, while a
            # look-up of the very name still finds the file in the layers below.
            folder, _, entry = path.rpartition("/")
            return entry in seen.tree.entries(folder)
        return seen.tree.exists(path)
    except OSError:
        return None


def search_folders(cwd: str, env: Mapping[str, str], traceback: Sequence[str]) -> tuple[str, ...]:
    """Where modules of a process may lie beside the usual places, each folder once."""
    path = [part for part in env.get("PYTHONPATH", "").split(":") if part.startswith("/")]
    return tuple(dict.fromkeys([cwd, *path, *traceback]))


def find(tree: LayeredTree, name: MissingName, search: Sequence[str]) -> str | None:
    """Where the tree has what is named; None if nowhere.

    Raises:
        OSError: a folder of the tree cannot be looked at.
    """
    match name.kind:
        case FileKind.FILE:
            path = name.name if name.name.startswith("/") else f"{search[0]}/{name.name}"
            return path if tree.exists(path) else None
        case FileKind.LIBRARY:
            paths = (f"{folder}/{name.name}" for folder in _library_folders(tree))
            return next((path for path in paths if tree.exists(path)), None)
        case FileKind.MODULE | FileKind.NAME:
            *packages, module = name.name.split(".")
            for folder in (*search, *_python_folders(tree)):
                home = "/".join((folder.rstrip("/"), *packages))
                for entry in sorted(tree.entries(home)):
                    if holds_module(entry, module):
                        return f"{home}/{entry}"
    return None


_PREFIXES = ("/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/local/lib64", "/opt/python/lib")


def _python_folders(tree: LayeredTree) -> Iterator[str]:
    """Where Python looks by itself (its module ``site``), for every version that is there."""
    for prefix in _PREFIXES:
        for entry in sorted(tree.entries(prefix)):
            if entry.startswith("python3"):
                home = f"{prefix}/{entry}"
                yield home
                for below in ("lib-dynload", "site-packages", "dist-packages"):
                    yield f"{home}/{below}"


def _library_folders(tree: LayeredTree) -> Iterator[str]:
    for prefix in ("/lib", "/lib64", *_PREFIXES):
        yield prefix
        for entry in sorted(tree.entries(prefix)):
            # Debian's folders, one for each architecture.
            if entry.endswith("-linux-gnu"):
                yield f"{prefix}/{entry}"
