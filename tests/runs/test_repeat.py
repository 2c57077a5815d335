"""A run again from its folder alone: the same functions byte for byte, or what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.errors import UsageError
from iluvatar_bench.functions import load_function
from iluvatar_bench.plans import ChurnPlan, ColdStartPlan
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.runs import find_run, plan_repeat
from iluvatar_bench.runs.function_record import MOST_SOURCE_BYTES, function_records
from iluvatar_bench.runs.request import request_of
from iluvatar_bench.runs.testbed import TestbedSettings
from tests.support.command import command
from tests.support.run_folders import make_run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def own_function(folder: Path, text: str = "'me'") -> Path:
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(
        f"def main(args: dict) -> dict:\n    return {{'who': {text}}}\n"
    )
    (folder / "part").mkdir()
    (folder / "part" / "more.txt").write_bytes("Grüße\r\n".encode())
    return folder


def run_of(folder: Path, function: str, **changes: Any) -> Path:
    """A run folder whose manifest says what a run of that function would say."""
    settings = TestbedSettings(profiles=(PRESETS["guarded"],), functions=(function,))
    manifest = {
        "request": request_of(settings),
        "functions": function_records(settings, {}),
        **changes,
    }
    make_run(folder, ok=2)
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**document, **manifest}))
    return folder


def test_a_function_that_is_there_as_it_was_is_taken_where_it_is(tmp_path: Path) -> None:
    mine = own_function(tmp_path / "mine")
    assert plan_repeat(run_of(tmp_path / "a", str(mine))).settings.functions == (str(mine),)
    assert plan_repeat(run_of(tmp_path / "b", "hello")).settings.functions == ("hello",)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("how", ["gone", "changed", "broken"])
def test_another_source_is_never_taken_for_it(tmp_path: Path, how: str) -> None:
    """A renamed folder, an edited one, one that holds no function any more."""
    mine = own_function(tmp_path / "mine")
    digest = load_function(str(mine)).digest
    run = run_of(tmp_path / "run", str(mine))
    shutil.rmtree(mine)
    if how == "changed":
        own_function(mine, "'somebody else'")
    elif how == "broken":
        mine.mkdir()
    for _ in range(2):
        (restored,) = plan_repeat(run).settings.sources
        assert (restored.digest, restored.container_name) == (digest, "mine")
    (place,) = plan_repeat(run).settings.functions
    assert Path(place).is_relative_to(tmp_path / "cache")
    (Path(place) / "main.py").write_text("def main(args):\n    return {}\n")
    with pytest.raises(UsageError, match="is not the run's: remove that folder"):
        plan_repeat(run)


def test_a_source_too_large_to_keep_is_named_with_its_digest(tmp_path: Path) -> None:
    mine = own_function(tmp_path / "mine")
    (mine / "weights.txt").write_text("1" * MOST_SOURCE_BYTES)
    run = run_of(tmp_path / "run", str(mine))
    assert plan_repeat(run).settings.functions == (str(mine),)
    shutil.rmtree(mine)
    done = command("repeat", str(run), "--out", str(tmp_path / "results"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the source of function mine (sha256:" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"../evil": "x"}}, r"has a file outside its folder: \.\./evil"),
        ({"name": "../../evil"}, "no function can be named '../../evil'"),
        ({"digest": "sha256:../../evil"}, "no function can be named 'hello' with the digest"),
    ],
)
def test_a_manifest_from_elsewhere_writes_nothing_outside_the_cache(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    run = run_of(tmp_path / "run", "hello")
    document = json.loads((run / "manifest.json").read_text())
    document["functions"][0].update(asked="/gone", digest=f"sha256:{0:064x}")
    document["functions"][0].update(changes)
    (run / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=message):
        plan_repeat(run)
    assert not list(tmp_path.rglob("evil*"))


def test_an_image_is_asked_for_by_its_digest(tmp_path: Path) -> None:
    image = {"asked": "busybox:1", "name": "busybox", "kind": "image", "digest": "sha256:12"}
    run = run_of(tmp_path / "run", "hello", functions=[image])
    with pytest.raises(UsageError, match=r"the image busybox:1 \(sha256:12\) is not on disk here"):
        plan_repeat(run)


def test_plan_profile_and_settings_are_those_of_the_run(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", "hello")
    document = json.loads((run / "manifest.json").read_text())
    document["request"]["ready_seconds"] = 7.5
    (run / "manifest.json").write_text(json.dumps(document))
    repeat = plan_repeat(run, address=Path("/run/other.sock"))
    assert isinstance(repeat.plan, ColdStartPlan)
    assert json.loads(json.dumps(repeat.plan.as_json())) == document["plan"]
    assert repeat.settings.profiles == (PRESETS["guarded"],)
    assert repeat.settings.ready_seconds == 7.5
    assert repeat.settings.address == Path("/run/other.sock")
    assert repeat.remarks == ()


def test_a_run_of_a_version_that_kept_less_says_so() -> None:
    repeat = plan_repeat(find_run("churn-guarded"))
    assert isinstance(repeat.plan, ChurnPlan)
    assert len(repeat.plan.arrivals) == 120
    assert "that version kept no more than" in repeat.remarks[0]


def test_studies_and_damaged_manifests_are_one_line(tmp_path: Path) -> None:
    done = command("repeat", "root-cause")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "cannot be repeated: it is a study, with a command of its own" in done.stderr
    with pytest.raises(UsageError, match="it is an observation of what others ran"):
        plan_repeat(find_run("observed"))
    blamed = run_of(tmp_path / "blame", "hello", clean={}, command=["iluvatar-bench", "blame"])
    with pytest.raises(UsageError, match="it was made by: iluvatar-bench blame"):
        plan_repeat(blamed)
    run = run_of(tmp_path / "run", "hello", functions=[{"asked": "x"}])
    done = command("repeat", str(run))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "its manifest is damaged" in done.stderr


@pytest.mark.daemon
@pytest.mark.slow
def test_a_run_is_made_again_on_a_host_that_has_its_folder_only(tmp_path: Path) -> None:
    mine = own_function(tmp_path / "mine")
    words = ("run", "cold-start", "--profile", "guarded", "--trials", "2", "--function", str(mine))
    done = command(*words, "--out", str(tmp_path / "there"))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(mine)
    shutil.move(tmp_path / "there", tmp_path / "brought")
    shutil.rmtree(tmp_path / "cache")
    out = tmp_path / "here"
    done = command("repeat", f"{tmp_path}/brought/@latest", "--json", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["outcomes"]["ok"] == 2
    first, again = (
        json.loads((find_run(f"{folder}/@latest") / "manifest.json").read_text())
        for folder in (tmp_path / "brought", out)
    )
    for same in ("plan", "profile", "function"):
        assert again[same] == first[same]
    assert again["repeats"] == first["run_id"]
    assert first["command"] == ["iluvatar-bench", *words, "--out", str(tmp_path / "there")]
    assert again["functions"][0]["digest"] == first["functions"][0]["digest"]
    images = [manifest["functions"][0]["images"][0]["digest"] for manifest in (first, again)]
    assert images[0].startswith("sha256:")
    assert images[0] == images[1]
