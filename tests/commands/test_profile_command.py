"""``profile``: what is saved is used by its name, and all that is wrong is told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iluvatar_bench.batch.parameters import check_parameters
from iluvatar_bench.profiles import PRESETS, resolve_profile
from tests.support.command import command


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config" / "iluvatar-bench" / "profiles"


def test_a_saved_profile_is_used_by_its_name(config: Path) -> None:
    done = command("profile", "new", "mine", "--set", "cgroup=shared", "--set", "start_delay_ms=5")
    assert (done.returncode, done.stdout.strip()) == (0, str(config / "mine.toml"))
    assert (config / "mine.toml").read_text().splitlines()[:2] == [
        'name = "mine"',
        'base = "guarded"',
    ]
    profile = resolve_profile("mine")
    assert (profile.name, profile.cgroup, profile.start_delay_ms) == ("mine", "shared", 5)
    assert profile.kill == PRESETS["guarded"].kill
    # A notebook's kernel takes the name as well, whatever else is called so.
    Path("mine").mkdir()
    assert check_parameters("cold_start", {"profile": "mine"}) == {"profile": "mine"}
    listed = command("profile", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [
        *([name, "preset"] for name in PRESETS),
        ["mine", "saved"],
    ]
    assert listed[-1].endswith("cgroup=shared, start_delay_ms=5")
    said = command("run", "cold-start", "--profile", "mien").stderr
    assert "(did you mean mine?)" in said


def test_what_is_shown_is_a_profiles_file(tmp_path: Path) -> None:
    command("profile", "new", "mine", "--base", "iluvatar-2022-07", "--set", "cpus=0.5")
    (tmp_path / "copy.toml").write_text(command("profile", "show", "mine").stdout)
    assert resolve_profile("copy.toml") == resolve_profile("mine")
    shown = json.loads(command("profile", "show", "mine", "--json").stdout)
    assert (shown["name"], shown["cpus"], shown["kill"]) == ("mine", 0.5, "all")


def test_the_difference_of_two(tmp_path: Path) -> None:
    done = command("profile", "diff", "iluvatar-2022-07", "iluvatar-2022-08")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["factor", "iluvatar-2022-07", "iluvatar-2022-08"],
        ["cgroup", "shared", "own"],
    ]
    assert "same in every factor" in command("profile", "diff", "guarded", "guarded").stdout


def test_a_base_may_be_a_file_beside_it_or_a_saved_one(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.toml").write_text('base = "b.toml"\nkill = "all"\n')
    (tmp_path / "sub" / "b.toml").write_text('base = "mine"\n')
    command("profile", "new", "mine", "--set", "cgroup=shared")
    profile = resolve_profile("sub/a.toml")
    assert (profile.name, profile.kill, profile.cgroup) == ("a", "all", "shared")


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        'cgruop = "own"\nkill = "al"\nstart_delay_ms = "soon"\ncpus = -1\nremoval = "ordered"\n'
        'name = "guarded"\n'
    )
    done = command("profile", "check", "bad.toml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    for problem in (
        "no factor 'cgruop' (did you mean cgroup?)",
        "factor snapshot_reference is missing: one of none, container, lease",
        "factor cgroup is missing: one of shared, own",
        "factor kill has no level 'al' (did you mean all?): one of all, init",
        "factor start_delay_ms: 'soon' is no whole number",
        "factor cpus must be at least 0, not -1",
        "the name guarded is that of a preset",
    ):
        assert problem in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "guarded"\nbase = "guarded"\nkill = "all"', "the name guarded is that of a pres"),
        ('base = "gaurded"', "no profile 'gaurded' (did you mean guarded?)"),
        ('base = "x.toml"', "x.toml is its own base"),
        ("base = 3", "base is the name of a profile, not 3"),
        ("name = 3", "factor name: 3 is no text"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    done = command("profile", "check", "x.toml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new", "guarded"], "the name guarded is that of a preset"),
        (["new", "./guarded.toml"], "the name guarded is that of a preset"),
        (["new", "a b"], "'a b' cannot be a profile's name"),
        (["new", "there"], "is there already: --replace"),
        (["new", "x", "--set", "cgroup=mine"], "no level 'mine'"),
        (["show", "nope"], "no profile 'nope'; there are: iluvatar-2022-07"),
        (["check", "nope.toml"], "cannot read the profile nope.toml"),
    ],
)
def test_wrong_requests_are_one_line_and_write_nothing(
    config: Path, words: list[str], message: str
) -> None:
    assert command("profile", "new", "there").returncode == 0
    done = command("profile", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert message in done.stderr
    assert [path.name for path in config.iterdir()] == ["there.toml"]
    assert command("profile", "new", "there", "--replace").returncode == 0


def test_one_that_is_broken_does_not_hide_the_others(config: Path) -> None:
    command("profile", "new", "mine")
    (config / "broken.toml").write_text("cgroup =")
    listed = command("profile", "list").stdout
    assert "mine" in listed
    assert "broken.toml is no TOML" in listed
