"""Where a private containerd lives on this host, and who holds the place.

A place is claimed with a lock that the kernel releases when its holder ends, however it ends: a
place whose lock can be taken was left behind by a killed process and may be removed.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.errors import InsufficientPrivilege, UnusablePath
from iluvatar_bench.host.full_disk import full_disk_told
from iluvatar_bench.host.kernel.cgroups import PARENT
from iluvatar_bench.host.locks import make_locked, try_lock
from iluvatar_bench.host.shared_folders import entries, make_below_shared

STATE_HOME = Path("/run/iluvatar-bench")
"""Sockets and the daemon's state: a socket's path must stay under 108 bytes (unix(7))."""

DATA_HOME = Path("/var/lib/iluvatar-bench")
"""Image content and snapshots (overlay needs a real file system below), the daemon's log and what
containers print: on disk, because /run is memory."""

PLACE_LABEL = "iluvatar-bench/place"
"""Label of every container record: the id of the place that made it."""

LOG_HEAD_BYTES, LOG_TAIL_BYTES = 8 * 1024**2, 24 * 1024**2
"""What is kept of a daemon's log that takes twice as much as both."""

OUTPUT_HEAD_BYTES = OUTPUT_TAIL_BYTES = 256 * 1024
"""The same of each of a container's output files."""

_LOG_TAIL_LINES = 5

_CLAIM_SECONDS = 60.0
"""No owner takes longer than this from making the folder to holding its lock."""


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one private containerd; ``id`` makes them its own."""

    id: str

    @property
    def state(self) -> Path:
        """The folder of everything short-lived, mode 0700."""
        return STATE_HOME / self.id

    @property
    def data(self) -> Path:
        """The folder of everything that takes space, mode 0700."""
        return DATA_HOME / self.id

    @property
    def root(self) -> Path:
        """Containerd's root: content, snapshots, metadata."""
        return self.data / "r"

    @property
    def daemon_state(self) -> Path:
        """Containerd's state: bundles and the mounts in them."""
        return self.state / "s"

    @property
    def socket(self) -> Path:
        """Containerd's socket."""
        return self.state / "c.sock"

    @property
    def config(self) -> Path:
        """Containerd's configuration file."""
        return self.state / "config.toml"

    @property
    def log(self) -> Path:
        """Containerd's log."""
        return self.data / "containerd.log"

    @property
    def runc_root(self) -> Path:
        """Runc's state folder, apart from that of a system containerd."""
        return self.state / "runc"

    @property
    def scratch(self) -> Path:
        """Output files and barriers of running containers."""
        return self.data / "x"

    @property
    def thin_pool(self) -> str:
        """The name of its thin pool, which the whole host sees."""
        return f"iluvatar-bench-{self.id}"

    @property
    def thin_pool_home(self) -> Path:
        """The files that its thin pool stands on, where it has one."""
        return self.data / "devmapper"

    @property
    def lock(self) -> Path:
        """Held by the owner as long as it lives."""
        return self.state / "lock"

    @property
    def guest_of(self) -> Path:
        """Names the containerd that is not ours but runs this place's containers, if any."""
        return self.state / "guest-of.json"

    @property
    def supervisor(self) -> Path:
        """What the supervisor of a daemon that lives on says of it, if there is one."""
        return self.state / "supervisor.json"

    @property
    def cgroup(self) -> str:
        """The cgroup that holds every container of this place."""
        return f"{PARENT}/{self.id}"

    def log_tail(self) -> str:
        """The last lines of the daemon's log, on one line."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return " | ".join(lines[-_LOG_TAIL_LINES:]) or "(the log is empty)"


def fresh_place() -> Place:
    """A place of which nothing exists yet but its name."""
    return Place(secrets.token_hex(4))


@contextmanager
def claim_place(place: Place) -> Iterator[None]:
    """Make a fresh place's folders and hold its lock for the length of the block.

    Its content is the caller's to remove.

    Raises:
        InsufficientPrivilege: not root.
        DiskFull: there is no room for them.
        UnusablePath: the folders cannot be made.
    """
    require_root("running containers")
    try:
        for directory in (place.state, place.daemon_state, place.data, place.root, place.scratch):
            with full_disk_told(directory):
                make_below_shared(directory, mode=0o700)
        descriptor = make_locked(place.lock)
    except OSError as error:
        raise UnusablePath(f"cannot make the folders of a private containerd: {error}") from error
    try:
        yield
    finally:
        os.close(descriptor)


def require_root(what: str) -> None:
    """Refuse, with the remedy, what only root can do.

    Raises:
        InsufficientPrivilege: not root.
    """
    if os.geteuid() != 0:
        raise InsufficientPrivilege(
            f"{what} needs root; run it as root, or open the recorded runs in data/runs"
        )


def abandoned_places() -> Iterator[Place]:
    """Places whose owner is gone. Each stays locked against others while it is looked at.

    Raises:
        InsufficientPrivilege: not root.
    """
    require_root("finding what was left behind")
    for home in (STATE_HOME, DATA_HOME):
        for directory in entries(home):
            if directory.name.startswith("."):
                # No place's: `bench test` keeps the folder with it, for what is mounted there.
                continue
            place = Place(directory.name)
            if home is DATA_HOME and place.state.exists():
                continue
            with try_lock_place(place) as held:
                # Its owner may have ended in good order meanwhile, and nothing of it is left.
                if held and directory.exists():
                    yield place


def any_place() -> bool:
    """Whether a place of anybody is on this host, in use or left behind."""
    return any(not found.name.startswith(".") for found in entries(STATE_HOME))


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def try_lock_place(place: Place) -> Iterator[bool]:
    """Whether nobody owns the place; if so, it is held against others for the length of the block.

    A place without folders is nobody's.
    """
    try:
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Without a lock nobody owns it, unless its owner is just about to make the lock.
        yield not place.state.exists() or _age_seconds(place.state) > _CLAIM_SECONDS
        return
    with try_lock(descriptor) as held:
        yield held
