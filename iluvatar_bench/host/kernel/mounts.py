"""The mount table, as the kernel prints it, and unmounting below a folder of ours."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountEntry:
    """One line of mountinfo (proc_pid_mountinfo(5)), octal escapes resolved."""

    root: str
    mount_point: str
    fs_type: str
    source: str
    super_options: tuple[str, ...]
    line: str = field(default="", repr=False)
    """The line itself."""

    def overlay_option(self, name: str) -> str | None:
        """The value of an overlay's ``name=value``; None where it has none."""
        prefix = f"{name}="
        options = self.super_options if self.fs_type == "overlay" else ()
        return next((o.removeprefix(prefix) for o in options if o.startswith(prefix)), None)

    @property
    def upper_directory(self) -> str | None:
        """Where an overlay's or a bind's writes go; None for other file systems.

        A bind shows its source in ``root``, with ``//deleted`` behind it once that is gone.
        """
        if self.fs_type == "overlay":
            return self.overlay_option("upperdir")
        return self.root.removesuffix("//deleted") if self.root != "/" else None

    @property
    def lower_directories(self) -> tuple[str, ...]:
        """An overlay's read-only directories, topmost first; empty for other file systems.

        With many of them containerd gives their names below a common folder only (containerd
        1.6.20, mount/mount_linux.go, compactLowerdirOption).
        """
        named = self.overlay_option("lowerdir")
        return tuple(named.split(":")) if named else ()

    @property
    def root_deleted(self) -> bool:
        """Whether the kernel itself says that the mounted directory was removed."""
        return self.root.endswith("//deleted")


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def parse_mountinfo(text: str) -> Iterator[MountEntry]:
    """The entries of a mountinfo file; lines that do not have its form are passed over."""
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(rest) < 3:
            continue
        yield MountEntry(
            root=_unescape(fields[3]),
            mount_point=_unescape(fields[4]),
            fs_type=rest[0],
            source=_unescape(rest[1]),
            super_options=tuple(_unescape(option) for option in rest[2].split(",")),
            line=line,
        )


def read_mountinfo(pid: int | str = "self", *, holding: str = "") -> tuple[MountEntry, ...]:
    """The mounts that a process sees; empty for one that has ended.

    The order is the kernel's: a later entry may cover an earlier one. With ``holding`` only those
    whose line holds this text; no other line is taken apart.
    """
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ()
    return tuple(parse_mountinfo("\n".join(line for line in text.split("\n") if holding in line)))


def mounts_of(*fs_types: str) -> tuple[MountEntry, ...]:
    """What we see mounted of these types, in the kernel's order.

    No other line is taken apart: a host has one for each container.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    # No field before it holds a space: they are escaped.
    ends = tuple(f" - {fs_type} " for fs_type in fs_types)
    return tuple(parse_mountinfo("\n".join(ln for ln in lines if any(end in ln for end in ends))))


def readable_mountinfo(pid: int) -> tuple[MountEntry, ...] | None:
    """The mounts that a process sees; None where they may not be looked at.

    Empty for a process that has ended: unlike :func:`read_mountinfo`, that is told apart.
    """
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    except PermissionError:
        return None
    except OSError:
        return ()
    return tuple(parse_mountinfo(text))


def mounts_below(directory: Path) -> tuple[MountEntry, ...]:
    """Our own view of what is mounted on the directory or below it, innermost last."""
    prefix = f"{directory}/"
    return tuple(
        entry
        for entry in read_mountinfo()
        if entry.mount_point == str(directory) or entry.mount_point.startswith(prefix)
    )


def unmount_below(directory: Path) -> list[str]:
    """Unmount everything on the directory and below it, innermost first, lazily.

    Somebody else may be at the same work: what is not mounted any more afterwards is no problem,
    whoever did it.

    Returns:
        what could not be unmounted, with umount's own message; empty when nothing is left.
    """
    problems = {}
    for entry in reversed(mounts_below(directory)):
        done = subprocess.run(
            ["umount", "--lazy", "--", entry.mount_point],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            problems[entry.mount_point] = done.stderr.strip()
    still = {entry.mount_point for entry in mounts_below(directory)} if problems else set()
    return [f"{point}: {words}" for point, words in problems.items() if point in still]
