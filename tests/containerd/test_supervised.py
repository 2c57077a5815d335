"""Which private daemons live on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.containerd.daemon import place, supervised

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

TOLD = {
    "pid": 1,
    "version": "1.6.20",
    "started_at": "2026-11-30T00:00:00+00:00",
    "collector": "quiet",
    "log_level": "info",
}


def test_those_that_say_so_are_found_though_the_last_place_goes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "run"
    for module in (place, supervised):
        monkeypatch.setattr(module, "STATE_HOME", home)
    for name in ("11111111", "22222222"):
        (home / name).mkdir(parents=True)
    file = home / "11111111" / "supervisor.json"
    file.write_text(json.dumps({"id": "11111111", **TOLD}))
    (home / ".test-place").touch()
    assert [daemon.id for daemon in supervised.supervised_daemons()] == ["11111111"]

    def gone_before(listing: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def listed(path: Path) -> Any:
            if path == home and home.exists():
                home.rename(tmp_path / "gone")
            return listing(path)

        return listed

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, gone_before(getattr(os, name)))
    assert supervised.supervised_daemons() == ()
