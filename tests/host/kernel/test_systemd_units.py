"""systemd's units of ours: found by their names, stopped with what is in them, and no others."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import init_system, systemd_units
from iluvatar_bench.host.kernel.systemd_units import (
    Unit,
    loaded_units,
    places_of_slices,
    stop_slice,
    stop_top_slice,
)

ONE, TWO = "iluvatar_bench-1f2e3d4c.slice", "iluvatar_bench-aaaaaaaa.slice"
TOP = "iluvatar_bench.slice"
ENDING = "iluvatar_bench-ending.scope"
UNITS = {
    "-.slice": "",
    "user.slice": "-.slice",
    TOP: "-.slice",
    ONE: TOP,
    "iluvatar_bench-c.scope": ONE,
    TWO: TOP,
    "iluvatar_bench-d.scope": TWO,
    ENDING: TWO,
}

STAND_IN = """\
import json, sys

file = __file__.replace("systemctl", "units.json")
units = json.load(open(file))


def store(units):
    json.dump(units, open(file, "w"))


verb, arguments = sys.argv[1], [a for a in sys.argv[2:] if not a.startswith("--")]
if verb == "list-units":
    for name in units:
        if name.startswith(arguments[0].rstrip("*")):
            print(name, "loaded active active whatever it is described as")
elif verb == "show":
    print("\\n\\n".join(f"Id={name}\\nSlice={units[name]}" for name in arguments))
    # Its last process ends in this moment.
    store({name: above for name, above in units.items() if name != "iluvatar_bench-ending.scope"})
elif verb == "stop":
    if missing := set(arguments) - set(units):
        sys.exit(f"Failed to stop {(name := missing.pop())}: Unit {name} not loaded.")
    gone = set(arguments)
    while more := {name for name, above in units.items() if above in gone} - gone:
        gone |= more
    # What has failed stays until it is reset: here one scope, as if by want of memory.
    kept = {name for name in gone if name == "iluvatar_bench-c.scope"}
    store({name: above for name, above in units.items() if name not in gone - kept})
elif verb == "reset-failed":
    if arguments[0] not in units:
        sys.exit(f"Failed to reset failed state of unit {arguments[0]}: not loaded.")
    del units[arguments[0]]
    store(units)
"""
"""What systemctl answers, as seen of systemd 252; a real one is asked where systemd is the init."""


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "units.json"
    file.write_text(json.dumps(UNITS))
    # Without what a site adds it starts in a tenth of the time.
    (tmp_path / "systemctl").write_text(f"#!{sys.executable} -SE\n{STAND_IN}")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(init_system, "_BOOTED", tmp_path)
    return file


def left(units: Path) -> set[str]:
    return set(json.loads(units.read_text()))


def test_a_slice_goes_with_its_scopes_and_the_top_one_with_the_last(units: Path) -> None:
    assert Unit("iluvatar_bench-c.scope", ONE) in loaded_units()
    assert set(places_of_slices(loaded_units())) == {"1f2e3d4c", "aaaaaaaa"}
    # With the scope again that has ended since.
    units.write_text(json.dumps(UNITS))
    assert stop_slice(TWO) == []
    assert left(units) == set(UNITS) - {TWO, "iluvatar_bench-d.scope", ENDING}
    assert stop_slice(TWO) == [], "safe to repeat"
    assert stop_top_slice() == []
    assert TOP in left(units), "another place's scopes are in it"
    assert stop_slice(ONE) == []
    assert stop_top_slice() == []
    assert left(units) == {"-.slice", "user.slice"}
    assert stop_top_slice() == [], "safe to repeat"


def test_what_systemctl_refuses_is_told(units: Path) -> None:
    units.write_text("no JSON")
    (problem,) = stop_slice(ONE)
    assert problem.startswith(f"{ONE}: systemctl list-units")
    (problem,) = stop_top_slice()
    assert problem.startswith(f"{TOP}: systemctl list-units")


def test_without_systemd_nothing_is_asked(
    units: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(init_system, "_BOOTED", tmp_path / "none")
    assert systemd_units.loaded_units() == ()
    assert stop_slice(ONE) == []
    assert left(units) == set(UNITS)
