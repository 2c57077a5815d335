"""What the machine's disk is made of: another recipe is another disk."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LOCK = PROJECT / "requirements.lock"

SUITES = {"bookworm": "3.11", "trixie": "3.13", "sid": "3.14"}
"""Debian's suites, and the version of Python in each."""

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2"),
    *("linux-image-cloud-amd64", "initramfs-tools", "btrfs-progs", "erofs-utils"),
    "dmsetup",
    *("python3", "python3-venv", "containerd", "runc", "crun", "containernetworking-plugins"),
)

KERNEL_PACKAGES = ("linux-image-cloud-amd64", "initramfs-tools")
WITHOUT_KERNEL = frozenset({"sid"})
"""Suites whose initramfs-tools debootstrap does not configure (0.151 of November 2026): they run on
this host's kernel only, in namespaces."""


def packages_of(suite: str) -> tuple[str, ...]:
    """What debootstrap installs."""
    left_out = KERNEL_PACKAGES if suite in WITHOUT_KERNEL else ()
    return tuple(package for package in PACKAGES if package not in left_out)


VENV = "/opt/venv"
"""What ``./bench`` would make of the lock: every extra, and what the tests take."""

FREE_MIB = 6000
"""Room in the machine beyond what is in it: the suite takes more than two thousand of them."""

MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("fstrim.timer", "systemd-networkd.service", "getty@tty1.service", "containerd.service"),
    *("serial-getty@ttyS0.service", "e2scrub_reap.service", "systemd-timesyncd.service"),
)
"""Units that have nothing to do here; containerd's tests start daemons of their own."""

UNIT = f"""\
[Unit]
Description=What is tried in this machine
After=basic.target dbus.socket

[Service]
Type=oneshot
EnvironmentFile=/etc/bench.env
WorkingDirectory=/mnt/project
ExecStart={VENV}/bin/python -m tests.vm.inside
ExecStopPost=/usr/bin/systemctl --no-block poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0

[Install]
WantedBy=multi-user.target
"""

ENVIRONMENT = f"""\
HOME=/root
LANG=C.UTF-8
PATH={VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PIP_NO_INDEX=1
PIP_FIND_LINKS=/opt/wheels
"""

IMAGES = (("hello",), ("hello", "--byte-code"), ("memory_hog", "--byte-code"))
"""What the steps run: built as the disk is made, for an emulated processor takes minutes."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A suite's disk, its kernel and its first file system, in the user's cache."""

    suite: str
    folder: Path

    @property
    def root(self) -> Path:
        """The file system, in one file."""
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        """The kernel that the machine boots."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The modules that it needs to see its disk."""
        return self.folder / "initrd.img"


def disk_of(suite: str) -> Disk:
    """Where the disk of this recipe lies, made or not."""
    lock = LOCK.read_text()
    installed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wheels = [path.read_text() for path in requirement_files()]
    machine = [suite, SUITES[suite], packages_of(suite), MASKED, UNIT, ENVIRONMENT, VENV]
    parts = [*machine, FREE_MIB, IMAGES, lock, installed, wheels]
    told = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Disk(suite, home / "iluvatar-bench" / "vm" / f"{suite}-{told}")


def requirement_files() -> tuple[Path, ...]:
    """What the built-in functions and their servers need: a machine without a network has it."""
    home = PROJECT / "iluvatar_bench" / "functions"
    return tuple(sorted([*home.glob("builtin/*/reqs.txt"), *home.glob("server/reqs*.txt")]))
