"""Which of our processes a namespace belongs to, and which of them are gone.

All that the networks of this project keep on the host is below one folder::

    /run/iluvatar-bench-net/
      lock                        held for the moments in which the folder's shape changes
      owners/<token>/lock         held by the owner as long as it lives
      owners/<token>/<name>       a namespace of that owner
      bridges/<bridge>/users      held (shared) by everybody who uses the bridge
      bridges/<bridge>/...        see :mod:`iluvatar_bench.host.network.bridge_use`

Locks are flock(2) locks: the kernel releases them when their holder ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import InsufficientPrivilege, UnusablePath
from iluvatar_bench.host.locks import lock_current, try_lock
from iluvatar_bench.host.shared_folders import entries

NETWORK_HOME = Path("/run/iluvatar-bench-net")
"""On a file system that a reboot empties, as it takes the namespaces and addresses with it."""

LOCK_SECONDS = 30.0
"""Who holds the folder's lock makes or removes a bridge: tens of milliseconds."""

NAME_PREFIX = "ilb"
"""Every namespace and every interface that we make has a name that begins so."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that makes namespaces; its token is in the name of each."""

    token: str
    folder: Path

    def name(self, number: int) -> str:
        """The name of one namespace, which is its container's id for the plugins as well."""
        return f"{NAME_PREFIX}-{self.token}-{number}"

    def owns(self, name: str) -> bool:
        """Whether a namespace of that name would be this owner's."""
        return name.startswith(f"{NAME_PREFIX}-{self.token}-")

    def namespaces(self) -> tuple[Path, ...]:
        """The namespaces that it holds now."""
        return tuple(path for path in entries(self.folder) if self.owns(path.name))


@contextmanager
def claim_owner(home: Path = NETWORK_HOME) -> Iterator[Owner]:
    """A fresh owner for the length of a block. Its namespaces are the caller's to remove.

    Raises:
        InsufficientPrivilege: not root.
        UnusablePath: the folder cannot be made.
    """
    if os.geteuid() != 0:
        raise InsufficientPrivilege(
            "container networks need root; run it as root, or open the recorded runs in data/"
        )
    token = secrets.token_hex(4)
    owner = Owner(token, home / "owners" / token)
    with ExitStack() as held:
        with exclusive(home):
            owner.folder.mkdir(mode=0o700, parents=True)
            held.enter_context(_try_lock(owner.folder / "lock"))
        try:
            yield owner
        finally:
            with exclusive(home):
                remove_owner(owner)


@contextmanager
def abandoned_owners(home: Path = NETWORK_HOME) -> Iterator[tuple[Owner, ...]]:
    """The owners that are gone; each stays locked against others for the length of the block."""
    with ExitStack() as held:
        found = []
        if home.is_dir():
            with exclusive(home):
                for owner in owners(home):
                    if held.enter_context(_try_lock(owner.folder / "lock")):
                        found.append(owner)
        yield tuple(found)


def owners(home: Path = NETWORK_HOME) -> tuple[Owner, ...]:
    """Every owner of namespaces, gone or alive."""
    return tuple(Owner(entry.name, entry) for entry in entries(home / "owners"))


def remove_owner(owner: Owner) -> None:
    """Remove an owner's folder, unless namespaces are left in it: they stay findable."""
    if owner.namespaces():
        return
    (owner.folder / "lock").unlink(missing_ok=True)
    owner.folder.rmdir()


@contextmanager
def exclusive(home: Path = NETWORK_HOME, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the folder's lock; the last one to leave an otherwise empty folder removes it.

    It blocks for up to ``seconds`` while others hold it: call it in a thread.

    Raises:
        UnusablePath: the folder cannot be made, or another process does not let go of its lock.
    """
    path = home / "lock"
    try:
        descriptor = lock_current(path, seconds=seconds)
    except TimeoutError as error:
        raise UnusablePath(
            f"{path} is {error}: whoever holds it is stopped or hangs (lslocks names it)"
        ) from error
    except OSError as error:
        raise UnusablePath(f"cannot use the folder {home}: {error.strerror}") from error
    try:
        yield
    finally:
        _remove_if_empty(home)
        os.close(descriptor)


def _remove_if_empty(home: Path) -> None:
    for name in ("owners", "bridges"):
        try:
            (home / name).rmdir()
        except OSError:
            # In use, or never made.
            continue
    if [entry.name for entry in home.iterdir()] == ["lock"]:
        (home / "lock").unlink()
        try:
            home.rmdir()
        except OSError:
            # Somebody has come in since, with a lock of his own.
            pass


def _try_lock(path: Path) -> AbstractContextManager[bool]:
    return try_lock(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
