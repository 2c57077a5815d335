"""A device mapper and loop devices that are a file: what their programs answer, without a kernel's.

``dmsetup``, ``losetup`` and ``modprobe`` are one program that keeps them, and keeps to the kernel's
rules: a pool that devices are on is in use, and a loop device goes with its last user if it was
told to. Its answers are those of dmsetup 1.02.185 and util-linux 2.38.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """\
import json, os, sys

name, arguments = os.path.basename(__file__), sys.argv[1:]
file = os.path.join(os.path.dirname(__file__), "devices.json")
state = json.load(open(file))
loops, devices = state["loops"], state["devices"]
state["calls"].append([name, *arguments])


def end(status=0, said=""):
    used = " ".join(devices.values()).split()
    for loop in [loop for loop in loops if loop in state["told_to_go"] and loop not in used]:
        del loops[loop]
        state["told_to_go"].remove(loop)
    json.dump(state, open(file, "w"))
    if status:
        print(said, "Command failed.", sep="\\n", file=sys.stderr)
    sys.exit(status)


verb, last = arguments[0], arguments[-1]
if name == "modprobe":
    state["targets"] += state.pop("loadable", [])
elif name == "losetup" and verb == "--find":
    loop = next(f"/dev/loop{n}" for n in range(99) if f"/dev/loop{n}" not in loops)
    loops[loop] = last
    print(loop)
elif name == "losetup" and verb == "--detach":
    if last not in loops:
        end(1, f"losetup: {last}: detach failed: No such device or address")
    state["told_to_go"].append(last)
elif name == "losetup" and verb == "--associated":
    print("\\n".join(loop for loop, backing in loops.items() if backing == arguments[1]))
elif verb == "targets":
    print("\\n".join(f"{target:16} v1.0.0" for target in state["targets"]))
elif verb == "ls":
    print("\\n".join(f"{name}\\t(254:0)" for name in devices) or "No devices found")
elif verb == "create":
    new, table = arguments[1], last
    if new in devices:
        end(1, f"device-mapper: create ioctl on {new}  failed: Device or resource busy")
    if table.split()[2] not in state["targets"]:
        end(1, f"device-mapper: reload ioctl on {new}  failed: Invalid argument")
    devices[new] = table
elif verb == "remove":
    if last in state["ending"]:
        # Of a removal that was deferred: its last user has just closed it.
        devices.pop(last, None)
    if last not in devices:
        end(1, f"Device {last} not found")
    if last in state["in_use"] or any(f"/{last} " in table for table in devices.values()):
        end(1, f"device-mapper: remove ioctl on {last}  failed: Device or resource busy")
    del devices[last]
else:
    end(3, f"Unknown command: {name} {arguments}")
end()
"""


class StandIn:
    """The programs in a folder, which is to be the first in PATH."""

    def __init__(self, folder: Path, *, targets: tuple[str, ...] = ("linear", "thin-pool")) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._file = folder / "devices.json"
        self._write(
            {"targets": list(targets), "loops": {}, "told_to_go": [], "devices": {}}
            | {"in_use": [], "ending": [], "calls": []}
        )
        for name in ("dmsetup", "losetup", "modprobe"):
            # Without what a site adds it starts in a tenth of the time.
            (folder / name).write_text(f"#!{sys.executable} -SE\n{_PROGRAM}")
            (folder / name).chmod(0o755)

    @property
    def devices(self) -> dict[str, str]:
        """Name to table."""
        return dict(self._read()["devices"])

    @property
    def loops(self) -> dict[str, str]:
        """Loop device to the file behind it."""
        return dict(self._read()["loops"])

    @property
    def told_to_go(self) -> list[str]:
        """Loop devices that go with their last user."""
        return list(self._read()["told_to_go"])

    def removals(self) -> list[str]:
        """The devices whose removal was asked for, in order."""
        calls = self._read()["calls"]
        return [call[-1] for call in calls if call[:2] == ["dmsetup", "remove"]]

    def activate(self, pool: str, *names: str) -> None:
        """Make thin devices as containerd does."""
        tables = dict.fromkeys(names, f"0 8 thin /dev/mapper/{pool} 1")
        self.change(devices=self.devices | tables)

    def change(self, **parts: object) -> None:
        """Set parts of the state."""
        self._write(self._read() | parts)

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self._file.read_text()))

    def _write(self, state: dict[str, Any]) -> None:
        self._file.write_text(json.dumps(state))
