"""Profiles in files: what is written is read again, and every mistake is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.profiles import PRESETS, resolve_profile
from iluvatar_bench.profiles.profile_file import read_profile, write_profile
from tests.support.command import command


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"mine.{suffix}"
    profile = PRESETS["iluvatar-2022-07"]
    write_profile(profile.model_dump(), file)
    assert resolve_profile(str(file)) == profile
    changed = resolve_profile(str(file), ["cgroup=own"])
    assert (changed.cgroup, changed.name) == ("own", "iluvatar-2022-07+cgroup=own")


def test_defaults_and_the_name_come_where_the_file_says_nothing(tmp_path: Path) -> None:
    fields = {"snapshot_reference": "none", "cgroup": "own", "kill": "all", "removal": "ordered"}
    (tmp_path / "habits.json").write_text(json.dumps(fields))
    profile = resolve_profile(str(tmp_path / "habits.json"))
    assert (profile.name, profile.snapshotter, profile.cgroup) == ("habits", "overlayfs", "own")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("none.toml", None, "cannot read the profile .*No such file"),
        ("bad.toml", "cgroup = ", r"bad\.toml is no TOML"),
        ("bad.json", "{", r"bad\.json is no JSON"),
        ("list.json", "[1]", "must be one table of factors and levels"),
        ("typo.toml", 'cgruop = "own"', r"no factor 'cgruop' \(did you mean cgroup\?\)"),
        ("level.toml", 'cgroup = "mine"', r"level\.toml: factor "),
        ("short.toml", 'cgroup = "own"', "factor snapshot_reference is missing: one of none, con"),
        ("profile.yaml", "a: 1", r"ends in \.toml or \.json"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message) as raised:
        resolve_profile(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UnusablePath, match="cannot write"):
        write_profile({}, tmp_path / "none" / "x.toml")
    with pytest.raises(UsageError, match=r"ends in \.toml or \.json"):
        write_profile({}, tmp_path / "x.yaml")


def test_whatever_stands_above_a_profile_it_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    fields = PRESETS["guarded"].model_dump()
    write_profile(fields, file, heading="of \x01 \r name\nkill = 'all'")
    assert file.read_text().startswith("# of ? ? name\n# kill = 'all'\n")
    assert read_profile(file) == fields


def test_the_run_command_says_it_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "typo.toml").write_text('cgruop = "own"')
    done = command(
        *("run", "cold-start", "--profile", str(tmp_path / "typo.toml")),
        *("--out", str(tmp_path / "results")),
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "did you mean cgroup?" in done.stderr
    assert not (tmp_path / "results").exists()
