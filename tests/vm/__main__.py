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
from tests.vm.recipe import PROJECT, SUITES, WITHOUT_KERNEL, Disk, disk_of
from tests.vm.steps import NAMES, word_of

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
    parser.add_argument(
        "--steps",
        type=_steps,
        metavar="A,B",
        help=f"only these, by the beginnings of their names: {', '.join(map(word_of, NAMES))}",
    )
    parser.add_argument(
        "--tests",
        type=_tests,
        metavar="A,B",
        help="only these files or folders, and no other step: of the suite, and emulated of the "
        "tests of cgroups",
    )
    parser.add_argument(
        "--repeats", type=_count, default=1, help="of each cause in the step ground truth"
    )
    parser.add_argument(
        "--seconds",
        type=_count,
        default=4 * 3600,
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


def _steps(asked: str) -> str:
    """Each the beginning of a step's name: a machine that is asked for no step says all is well."""
    words = [word_of(name) for name in asked.split(",")]
    known = [word_of(name) for name in NAMES]
    for word in words:
        if not word or not any(name.startswith(word) for name in known):
            raise argparse.ArgumentTypeError(
                f"no step's name begins with {word!r}; there are: {', '.join(known)}"
            )
    return ",".join(words)


def _tests(asked: str) -> str:
    for word in asked.split(","):
        if not word or not (PROJECT / word.split("::")[0]).exists():
            raise argparse.ArgumentTypeError(f"no file or folder {word!r} in {PROJECT}")
    return asked


def _count(asked: str) -> int:
    if not asked.isdecimal() or int(asked) < 1:
        raise argparse.ArgumentTypeError(f"a whole number above 0, not {asked!r}")
    return int(asked)


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
    steps = chosen.steps or (word_of(of_tests) if chosen.tests else "")
    machine = boot_in_namespaces if chosen.namespaces else boot
    with tempfile.TemporaryDirectory(prefix="bench-vm-") as folder:
        project = Path(folder) / "project.ext4"
        make_project_disk(project, chosen.suite)
        console = chosen.console or Path(folder) / "console.log"
        told = machine(
            disk,
            project,
            arguments=f"bench.steps={steps} bench.tests={chosen.tests or ''} "
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
