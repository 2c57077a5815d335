"""``python -m tests.vm [SUITE] [--steps A,B]``: make the disk, boot it, print the table."""

from __future__ import annotations

import argparse
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.vm.machine import LAST, boot
from tests.vm.make_disk import NotHere, make_disk, make_project_disk, require_programs
from tests.vm.namespaces import boot_in_namespaces
from tests.vm.recipe import SUITES, WITHOUT_KERNEL, Disk, disk_of

DISK_SECONDS, PROJECT_SECONDS = 900.0, 120.0


def main() -> int:
    signal.signal(signal.SIGTERM, _end)
    chosen = _arguments()
    if chosen.suite in WITHOUT_KERNEL and not chosen.namespaces:
        print(f"skipped: no kernel of {chosen.suite} can be had; add --namespaces")
        return 0
    began = time.monotonic()
    try:
        require_programs(emulated=not chosen.namespaces)
        disk = _disk(chosen.suite)
    except NotHere as missing:
        print(f"skipped: no virtual machine, which {missing}")
        return 0
    except subprocess.SubprocessError as error:
        print(f"the disk could not be made: {error}", file=sys.stderr)
        return 1
    told, ended = _run_in_machine(disk, chosen)
    done = [step for step in told if "skipped" not in step]
    wrong = [step for step in done if not step["ok"]]
    print(
        f"{len(done) - len(wrong)} of {len(done)} steps in a machine of {chosen.suite} are well"
        + ("" if ended else "; it ended before it had run them all")
    )
    how = "on its kernel" if chosen.namespaces else "emulated"
    print(f"({how}, {platform.machine()}, {time.monotonic() - began:.0f} s in all)")
    return 1 if wrong or not ended else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./bench test --vm", description=__doc__)
    parser.add_argument("suite", nargs="?", default="bookworm", choices=SUITES)
    parser.add_argument("--steps", default="", help="only these, by the beginnings of their names")
    parser.add_argument(
        "--tests",
        default="",
        metavar="A,B",
        help="only these files or folders, and no other step: of the suite, and emulated of the "
        "tests of cgroups",
    )
    parser.add_argument(
        "--repeats", type=int, default=1, help="of each cause in the step ground truth"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=4 * 3600.0,
        help="the machine's longest time; each step has its own",
    )
    parser.add_argument(
        "--namespaces",
        action="store_true",
        help="its systemd on this host's kernel, in namespaces: at full speed, without limits "
        "where the host has cgroup version 1 too",
    )
    parser.add_argument("--console", type=Path, help="keep what its console says in this file")
    return parser.parse_args()


def _disk(suite: str) -> Disk:
    """Made where it is not there yet.

    Raises:
        NotHere: a program is missing.
        SubprocessError: one of them fails.
    """
    disk = disk_of(suite)
    if not disk.folder.is_dir():
        print(f"making {disk.folder} (once)", flush=True)
        began = time.monotonic()
        make_disk(disk, seconds=DISK_SECONDS)
        print(f"made in {time.monotonic() - began:.0f} s", flush=True)
    return disk


def _run_in_machine(disk: Disk, chosen: argparse.Namespace) -> tuple[list[dict[str, object]], bool]:
    """What the machine told of each step, and whether it came to its end."""
    of_tests = "suite" if chosen.namespaces else "tests of cgroups"
    steps = chosen.steps or (of_tests if chosen.tests else "")
    machine = boot_in_namespaces if chosen.namespaces else boot
    with tempfile.TemporaryDirectory(prefix="bench-vm-") as folder:
        project = Path(folder) / "project.ext4"
        make_project_disk(project, chosen.suite)
        console = chosen.console or Path(folder) / "console.log"
        told = machine(
            disk,
            project,
            arguments=f"bench.steps={steps.replace(' ', '_')} bench.tests={chosen.tests} "
            f"bench.repeats={chosen.repeats}",
            seconds=chosen.seconds,
            console=console,
            on_step=tell,
        )
        ended = bool(told) and told.pop()["step"] == LAST
        if not ended:
            print(f"the machine said:\n{console.read_text(errors='replace')[-4000:]}")
    return told, ended


def _end(number: int, _: object) -> None:
    """An exception, so that the machine is ended and its folder removed."""
    sys.exit(128 + number)


def tell(step: dict[str, object]) -> None:
    """A line for a step, and what is wrong with it."""
    if step["step"] == LAST:
        return
    mark = "WRONG" if not step["ok"] else "skip" if "skipped" in step else "well"
    trials = step.get("trials") or {}
    assert isinstance(trials, dict)
    found = step.get("skipped") or "; ".join(f"{n} {name}" for name, n in trials.items())
    print(f"{mark:5} {step['step']:28} {step['seconds']:>7} s  {found}", flush=True)
    for what in ("wrong", "left", "errors", "stdout", "stderr"):
        if step.get(what) and (not step["ok"] or what == "stdout"):
            print(f"      {what}: {step[what]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
