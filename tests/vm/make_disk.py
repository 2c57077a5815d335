"""Makes a machine's disk: Debian by debootstrap, packages by pip, one file system of it all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm.recipe import (
    ENVIRONMENT,
    FREE_MIB,
    IMAGES,
    LOCK,
    MASKED,
    PROJECT,
    SUITES,
    UNIT,
    VENV,
    WITHOUT_KERNEL,
    Disk,
    packages_of,
    requirement_files,
)


class NotHere(Exception):
    """The host lacks a program that a virtual machine takes; it says which."""


def require_programs(*, emulated: bool) -> None:
    """Look for all that it takes to make a disk, and to boot it ``emulated``.

    Raises:
        NotHere: something is missing.
    """
    if os.geteuid() != 0:
        raise NotHere("making a disk takes root")
    packages = {
        "debootstrap": "debootstrap",
        "mkfs.ext4": "e2fsprogs",
        **({"qemu-system-x86_64": "qemu-system-x86"} if emulated else {}),
    }
    missing = [package for program, package in packages.items() if shutil.which(program) is None]
    if missing:
        raise NotHere(f"needs {', '.join(missing)}: apt-get install {' '.join(missing)}")


def make_disk(disk: Disk, *, seconds: float) -> None:
    """Make the disk unless it is there; a half of one is begun anew.

    Raises:
        NotHere: apt names no archive.
        subprocess.SubprocessError: a part failed, or took longer than ``seconds``.
    """
    if disk.folder.is_dir():
        return
    draft = disk.folder.with_name(f"{disk.folder.name}.draft-{os.getpid()}")
    tree = draft / "tree"
    try:
        tree.mkdir(parents=True)
        _debian(disk.suite, tree, seconds)
        _python(disk.suite, tree, seconds)
        _settle(tree)
        _prepared(tree, seconds)
        _file_system(tree, draft / disk.root.name, seconds)
        kernel = (("vmlinuz", disk.kernel), ("initrd.img", disk.initrd))
        for name, kept in () if disk.suite in WITHOUT_KERNEL else kernel:
            (newest,) = sorted((tree / "boot").glob(f"{name}-*"))[-1:]
            shutil.copy(newest, draft / kept.name)
        shutil.rmtree(tree)
        draft.rename(disk.folder)
    finally:
        # Of a debootstrap that was ended: it mounts /proc in its tree for a while.
        for line in Path("/proc/self/mounts").read_text().splitlines()[::-1]:
            mounted = line.split()[1]
            if Path(mounted).is_relative_to(draft):
                _run(["umount", mounted], seconds=60)
        shutil.rmtree(draft, ignore_errors=True)


def _debian(suite: str, tree: Path, seconds: float) -> None:
    command = [
        *("debootstrap", "--variant=minbase", f"--include={','.join(packages_of(suite))}"),
        *("--keyring=/usr/share/keyrings/debian-archive-keyring.gpg", suite, str(tree), mirror()),
    ]
    _run(command, seconds=seconds)


def mirror() -> str:
    """The archive that this host installs its own packages from.

    Raises:
        NotHere: apt names none.
    """
    listed = _run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages"],
        seconds=60,
    )
    for line in listed.splitlines():
        address, _, component = line.partition(" ")
        if component == "main" and not address.rstrip("/").endswith("-security"):
            return address
    raise NotHere("apt is not configured with an archive of Debian's")


def _python(suite: str, tree: Path, seconds: float) -> None:
    """The environment that ``./bench`` makes, and wheels for the functions' images."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    # Downloaded by this host, which has a network, for the Python in there, which has none.
    of_suite = [f"--python-version={SUITES[suite]}", "--implementation=cp", "--only-binary=:all:"]
    for listing, home in ((LOCK, "lock"), *((path, "wheels") for path in requirement_files())):
        _run(
            [
                *(*pip, "download", "--dest", str(tree / "opt" / home), *of_suite),
                *("--requirement", str(listing)),
            ],
            seconds=seconds,
            cwd=listing.parent,
        )
    shutil.copy(LOCK, tree / "opt/lock")
    _inside(tree, "python3", "-m", "venv", VENV, seconds=seconds)
    install = [f"{VENV}/bin/python", "-m", "pip", "--quiet", "install", "--no-compile"]
    locked = ["--find-links=/opt/lock", f"--requirement=/opt/lock/{LOCK.name}"]
    _inside(tree, *install, *locked, seconds=seconds)
    shutil.rmtree(tree / "opt/lock")
    # Emulated, compiling them at each boot would take minutes.
    compiling = [f"{VENV}/bin/python", "-m", "compileall", "-qq", "-j0", "-x", "/tests?/"]
    _inside(tree, *compiling, f"{VENV}/lib", seconds=seconds, check=False)


def _inside(tree: Path, *command: str, seconds: float, check: bool = True) -> None:
    """A command that sees the tree as its whole file system."""
    settings = [line for line in ENVIRONMENT.splitlines() if line]
    _run(["env", "-i", *settings, "chroot", str(tree), *command], seconds=seconds, check=check)


def _settle(tree: Path) -> None:
    """Make the tree a machine that does one thing, and ends."""
    (tree / "etc/fstab").write_text(
        "/dev/vda / ext4 defaults 0 0\n/dev/vdb /mnt/project ext4 defaults 0 0\n"
    )
    (tree / "mnt/project").mkdir()
    (tree / "etc/hostname").write_text("bench\n")
    (tree / "etc/bench.env").write_text(ENVIRONMENT)
    units = tree / "etc/systemd/system"
    (units / "bench.service").write_text(UNIT)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "bench.service").symlink_to("../bench.service")
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)


def _prepared(tree: Path, seconds: float) -> None:
    """The project's own command, which finds what is on the second disk; and what commands would
    make at their first call, in caches: images, and the list of fonts.
    """
    project = tree / "mnt/project"
    shutil.copytree(PROJECT / "iluvatar_bench", project / "iluvatar_bench")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, project)
    install = [f"{VENV}/bin/python", "-m", "pip", "--quiet", "install", "--no-deps"]
    editable = ["--no-build-isolation", "--editable", "/mnt/project"]
    _inside(tree, *install, *editable, seconds=seconds)
    for image in IMAGES:
        _inside(tree, "iluvatar-bench", "image", "build", *image, seconds=seconds)
    _inside(tree, "python", "-c", "import matplotlib.font_manager", seconds=seconds)
    shutil.rmtree(project)
    project.mkdir()


def _file_system(tree: Path, file: Path, seconds: float) -> None:
    used = int(_run(["du", "-s", "--block-size=1M", str(tree)], seconds=60).split()[0])
    _run(
        ["mkfs.ext4", "-q", "-m0", "-d", str(tree), str(file), f"{used + used // 8 + FREE_MIB}M"],
        seconds=seconds,
    )


def make_project_disk(file: Path, suite: str) -> None:
    """A second disk with the files of this checkout, as they are now.

    With byte code where this Python's is that of the suite's: emulated, compiling takes a minute.

    Raises:
        subprocess.SubprocessError: it could not be made.
    """
    tree = file.with_suffix(".tree")
    listed = _run(["git", "-C", str(PROJECT), "ls-files", "-co", "--exclude-standard"], seconds=60)
    for name in listed.splitlines():
        source = PROJECT / name
        if source.is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)
    (tree / ".venv").symlink_to(VENV)
    if f"{sys.version_info.major}.{sys.version_info.minor}" == SUITES[suite]:
        compiling = ["-m", "compileall", "-q", "-j2", "-s", str(tree), "-p", "/mnt/project"]
        _run([sys.executable, *compiling, str(tree / "iluvatar_bench")], seconds=120)
    _run(["mkfs.ext4", "-q", "-m0", "-d", str(tree), str(file), "1G"], seconds=120)
    shutil.rmtree(tree)


def _run(command: list[str], *, seconds: float, cwd: Path | None = None, check: bool = True) -> str:
    # What is set for this project's own Python is nobody else's.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        cwd=cwd,
        env=environment,
    )
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise subprocess.SubprocessError(f"{command[0]} failed: {said}")
    return done.stdout
