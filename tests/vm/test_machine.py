"""The machine as a process: it ends when it is told to, and when its time is up.

A program that says one step's result and then nothing stands for qemu. The disk is empty files.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import processes
from tests.support.waiting import wait_for
from tests.vm import steps as vm_steps
from tests.vm.machine import boot
from tests.vm.recipe import PROJECT, SUITES, WITHOUT_KERNEL, Disk, disk_of

QEMU = """\
#!/bin/sh
echo $$ >"$MACHINE_PID"
echo '@@STEP@@ {"step": "booted", "ok": true}'
exec sleep 600
"""

# One whose Python is not ours: nothing is compiled for its disk.
SUITE = next(
    suite
    for suite, version in SUITES.items()
    if suite not in WITHOUT_KERNEL and version != f"3.{sys.version_info.minor}"
)


@pytest.fixture
def machine_pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file with the PID of a qemu that never ends, which is found before any other."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("qemu-system-x86_64", QEMU), ("debootstrap", "#!/bin/sh\nexit 1\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    file = tmp_path / "pid"
    monkeypatch.setenv("MACHINE_PID", str(file))
    yield file
    assert processes.end(lambda: running(file)) == ()


def running(machine_pid: Path) -> list[int]:
    """The machine while it runs, known by its environment: another may get its number later."""
    try:
        pid = int(machine_pid.read_text())
        told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
    return [pid] if f"MACHINE_PID={machine_pid}".encode() in told else []


def test_a_machine_that_says_nothing_more_is_ended_when_its_time_is_up(
    machine_pid: Path, tmp_path: Path
) -> None:
    console = tmp_path / "console.log"
    seen: list[dict[str, object]] = []
    steps = boot(Disk(SUITE, tmp_path), tmp_path, seconds=3, console=console, on_step=seen.append)
    assert [step["step"] for step in steps] == ["booted"]
    assert seen == steps
    assert "booted" in console.read_text()
    assert running(machine_pid) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as making a disk does")
@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs mkfs.ext4: e2fsprogs")
@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="git says what is in a checkout")
def test_sigterm_ends_the_machine_and_leaves_neither_process_nor_folder(
    machine_pid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    disk_of(SUITE).folder.mkdir(parents=True)
    folders = tmp_path / "folders"
    folders.mkdir()
    vm = subprocess.Popen(
        [sys.executable, "-m", "tests.vm", SUITE],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(folders)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with vm:
        try:
            assert vm.stdout is not None
            assert "booted" in vm.stdout.readline()
            # As a process becomes another program it has no environment for a moment.
            wait_for(lambda: running(machine_pid))
            assert len(list(folders.iterdir())) == 1
            vm.send_signal(signal.SIGTERM)
            assert vm.wait(timeout=60) == 128 + signal.SIGTERM
        finally:
            vm.kill()
    assert running(machine_pid) == []
    assert list(folders.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--steps", "guarded,gaurded"], "no step's name begins with 'gaurded'; there are: doctor"),
        (["--steps", ""], "no step's name begins with ''"),
        (["--tests", "tests/host/kernel,tests/nowhere"], "no file or folder 'tests/nowhere'"),
        (["--repeats", "0"], "a whole number above 0, not '0'"),
        (["--seconds", "0"], "a whole number above 0, not '0'"),
        (["buster"], "invalid choice: 'buster'"),
    ],
)
def test_what_no_machine_can_do_is_refused_before_there_is_one(
    asked: list[str], told: str, machine_pid: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.vm", *asked],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not machine_pid.exists()


@pytest.mark.skipif(shutil.which("runc") is None, reason="needs runc, whose version they go by")
def test_every_step_can_be_asked_for_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of cgroups is the machine's, and no mkfs.erofs nor thin pool is here."""
    monkeypatch.setattr(vm_steps, "memory_limits", lambda: True)
    monkeypatch.setattr(vm_steps, "erofs_lacks", lambda: "")
    monkeypatch.setattr(vm_steps, "devmapper_lacks", lambda: "")
    assert tuple(step.name for step in vm_steps.steps()) == vm_steps.NAMES
    words = [vm_steps.word_of(name) for name in vm_steps.NAMES]
    assert len(set(words)) == len(words)
    assert not any(set(" ,") & set(word) for word in words)
