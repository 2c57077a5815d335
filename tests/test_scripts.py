"""The scripts of this folder, as far as nothing is fetched and nothing mounted: what they say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SCRIPTS = ("cgroup2_alone", "fetch_containerds", "fetch_dockerd", "fetch_packages")


def run(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TESTS / script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_how_it_is_called_and_does_nothing(script: str, tmp_path: Path) -> None:
    asked = run(script, "--help", folder=tmp_path)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"tests/{script} " in asked.stdout
    assert "set -eu" not in asked.stdout
    for wrong in ([], ["--halp"], ["--halp", "trixie", "sid"]):
        refused = run(script, *wrong, folder=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == asked.stdout
    assert list(tmp_path.iterdir()) == []
