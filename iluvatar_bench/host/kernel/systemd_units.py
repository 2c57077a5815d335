"""systemd's units of ours: the slices that it loads for our scopes, and keeps when those are gone.

systemd makes a slice for whoever names one (systemd.slice(5)), and stops none by itself. Scopes go
with their last process, unless they failed: a scope whose process was killed for want of memory may
stay until it is reset (systemd.unit(5), CollectMode=).
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from dataclasses import dataclass

from iluvatar_bench.host.kernel import init_system
from iluvatar_bench.host.kernel.cgroup_names import TOP_SLICE, UNIT_PREFIX

log = logging.getLogger(__name__)

_SECONDS = 30.0
"""A unit's processes have been ended before it is stopped; systemd itself may be busy."""

_OF_PLACE = re.compile(rf"{UNIT_PREFIX}-(?P<place>[0-9a-f]{{8}})\.slice")


@dataclass(frozen=True, slots=True)
class Unit:
    """A loaded unit of ours, and the slice that it is in."""

    name: str
    slice: str


def loaded_units() -> tuple[Unit, ...]:
    """Every slice and scope of ours that systemd has loaded; none where it is not the init.

    Raises:
        OSError: systemd did not answer.
    """
    if not init_system.is_systemd() or shutil.which("systemctl") is None:
        return ()
    names = _systemctl("list-units", "--all", "--plain", "--full", "--no-legend", f"{UNIT_PREFIX}*")
    units = [words[0] for line in names.splitlines() if (words := line.split())]
    if not units:
        return ()
    shown = _systemctl("show", "--property=Id,Slice", *units)
    found = []
    for block in shown.strip().split("\n\n"):
        properties = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found.append(Unit(properties.get("Id", ""), properties.get("Slice", "")))
    return tuple(found)


def places_of_slices(units: tuple[Unit, ...]) -> tuple[str, ...]:
    """The ids of the places that these slices were made for."""
    return tuple(found["place"] for unit in units if (found := _OF_PLACE.fullmatch(unit.name)))


def stop_slice(name: str) -> list[str]:
    """Stop a place's slice with all that is in it.

    The scopes go with it: each requires its slice (systemd.resource-control(5), Slice=). Asked for
    by name, one whose last process has ended just now would be refused as not loaded.

    Whatever is in it is ended: call it for what is ours, and over. Safe to repeat.

    Returns:
        what could not be done, with the reason.
    """
    try:
        units = loaded_units()
        within = [unit.name for unit in units if unit.slice == name]
        if within or any(unit.name == name for unit in units):
            _systemctl("stop", name)
            _reset(within)
    except OSError as error:
        return [f"{name}: {error}"]
    return []


def stop_top_slice() -> list[str]:
    """Stop the slice that all places' are in, if nothing else of ours is loaded.

    Whatever is put into it meanwhile is ended with it: call it when no place is left. Safe to
    repeat.

    Returns:
        what could not be done, with the reason.
    """
    try:
        if (left := loaded_units()) and all(unit.name == TOP_SLICE for unit in left):
            _systemctl("stop", TOP_SLICE)
    except OSError as error:
        return [f"{TOP_SLICE}: {error}"]
    return []


def _reset(names: list[str]) -> None:
    """Let systemd forget units that failed; one that is forgotten already is none to it."""
    for name in names:
        try:
            _systemctl("reset-failed", name)
        except OSError as error:
            log.debug("%s", error)


def _systemctl(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"systemctl {arguments[0]} took longer than {_SECONDS:g} s") from error
    if done.returncode != 0:
        raise OSError(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
