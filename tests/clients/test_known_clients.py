"""The clients that are known by name, and what their checks found: names, folders, the page."""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

import pytest

from iluvatar_bench.batch.parameters import check_parameters
from iluvatar_bench.clients import check_known, find_check, find_known, open_check
from iluvatar_bench.clients.check.outcome import Fault
from iluvatar_bench.clients.known.dockerd_program import VARIABLE
from iluvatar_bench.clients.known.known_clients import KNOWN
from iluvatar_bench.clients.known.recorded_checks import record_check, recorded_check_names
from iluvatar_bench.clients.known.small_image import write_archive
from iluvatar_bench.containerd.oci.image_archive import convert_archive
from iluvatar_bench.errors import UnusablePath, UsageError
from tests.support.command import command
from tools.clients_table import PAGE, with_table


def test_a_wrong_name_lists_those_there_are() -> None:
    done = command("check", "--known", "ctr-rum")
    assert done.returncode == 2
    assert "did you mean ctr-run?" in done.stderr
    for name in KNOWN:
        assert name in done.stderr


def test_a_dockerd_without_the_image_store_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "dockerd"))
    with pytest.raises(UsageError, match="does not say which dockerd it is"):
        _ = find_known("dockerd").command
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho 'Docker version 20.10.24+dfsg1, build 297e128'\n")
    program.chmod(0o755)
    with pytest.raises(
        UsageError, match=rf"Docker version 20\.10\..* needs 23 or later.*{VARIABLE}"
    ):
        _ = find_known("dockerd").command
    program.write_text("#!/bin/sh\necho 'Docker version 26.1.5+dfsg1, build 411e817'\n")
    assert find_known("dockerd").version() == "Docker version 26.1.5+dfsg1, build 411e817"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="dockerd is not on this host"):
        _ = find_known("dockerd").command


def test_a_known_client_is_whole() -> None:
    others = {"--image": "x", "--setup": "true", "--assert": "true", "--namespace": "n"}
    for more in (*others.items(), ("--", "true")):
        done = command("check", "--known", "ctr-run", *more)
        assert done.returncode == 2, done.stderr
        name = "COMMAND" if more[0] == "--" else more[0]
        assert f"is a whole client: {name} cannot go with it" in done.stderr
    done = command("check", "--record", "--", sys.executable)
    assert done.returncode == 2
    assert "--known" in done.stderr


def test_every_known_client_was_recorded_with_its_version_and_date() -> None:
    assert set(recorded_check_names()) == set(KNOWN)
    for name in KNOWN:
        check = open_check(name)
        assert check.name == name
        assert check.version != "–"
        assert check.containerd
        assert check.date.count("-") == 2
        assert {str(Fault.COLLECTION), str(Fault.NEIGHBOUR)} <= set(check.positions["fault"])


def test_the_page_has_the_table_of_the_recorded_checks() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "python -m tools.clients_table"


def test_the_archive_is_an_image_of_its_own(tmp_path: Path) -> None:
    archives = []
    for name in ("check/a:1", "check/b:1"):
        path = tmp_path / "deep" / f"{len(archives)}.tar"
        write_archive(path, name)
        image = convert_archive(path, tmp_path / path.stem)
        assert image.name.endswith(name)
        with tarfile.open(path) as archive:
            archives.append({n for n in archive.getnames() if n.startswith("blobs/")})
    assert len(archives[0]) == 4
    assert archives[0] & archives[1] == set()


def test_a_check_is_found_by_name_or_folder_and_recorded_again(tmp_path: Path) -> None:
    ours = open_check("record-late")
    kept = record_check(ours.folder, "mine", home=tmp_path)
    assert sorted(path.name for path in kept.iterdir()) == ["manifest.json", "positions.parquet"]
    assert find_check(kept) == kept
    assert record_check(ours.folder, "mine", home=tmp_path) == kept
    again = open_check(kept)
    assert again.manifest == ours.manifest
    assert again.positions.equals(ours.positions)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

    (kept / "manifest.json").write_text(json.dumps({**ours.manifest, "known": None}))
    assert open_check(kept).name == Path(ours.manifest["command"][0]).name
    assert open_check(kept).version == "–"

    (kept / "manifest.json").write_text(json.dumps({**ours.manifest, "kind": "run"}))
    with pytest.raises(UsageError, match="of another kind"):
        open_check(kept)
    for broken in ("manifest.json", "positions.parquet"):
        (kept / broken).write_text("{")
        with pytest.raises(UsageError, match=f"the check in {kept} cannot be read"):
            open_check(kept)
        (kept / "manifest.json").write_text(json.dumps(ours.manifest))

    with pytest.raises(UsageError, match=r"has no check in it.*record-late"):
        find_check(tmp_path)
    with pytest.raises(UsageError, match="is no folder"):
        find_check(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot be a recorded check's name"):
        record_check(kept, "../x", home=tmp_path)
    with pytest.raises(UnusablePath, match="cannot write"):
        record_check(tmp_path / "nothing", "x", home=tmp_path)


def test_the_notebooks_clients_and_checks_must_exist() -> None:
    for given in ({"known": "ctr-rum"}, {"source": "recorded", "checks": "ctr-rum"}):
        with pytest.raises(UsageError, match="ctr-run"):
            check_parameters("clients", given)
    with pytest.raises(UsageError, match="checks is read where source is recorded"):
        check_parameters("clients", {"checks": "ctr-run"})
    found = check_parameters("clients", {"source": "recorded", "checks": "ctr-run,record-late"})
    assert [Path(path).name for path in found["checks"]] == ["ctr-run", "record-late"]


@pytest.mark.daemon
@pytest.mark.slow
async def test_the_order_of_2022_loses_its_snapshot_until_its_process_ends(tmp_path: Path) -> None:
    check = await check_known("worker-2022", tmp_path / "out", faults=["collection"])
    assert check.name == "worker-2022"
    lost = check.positions[check.positions["outcome"] == "lost"]
    assert set(lost["call"]) == {"Tasks.Create {id}", "Tasks.Start {id}", "Tasks.Kill {id}"}
    # How often it polls differs from run to run.
    assert set(check.positions["outcome"]) <= {"lost", "safe", "not met"}


@pytest.mark.daemon
@pytest.mark.slow
async def test_an_imported_image_is_never_lost(tmp_path: Path) -> None:
    check = await check_known("ctr-image-import", tmp_path / "out", faults=["collection"])
    assert set(check.positions["outcome"]) == {"safe"}
    assert check.positions["call"].str.startswith("Content.Write").sum() >= 3


@pytest.mark.daemon
@pytest.mark.slow
async def test_a_client_that_goes_away_during_a_restart_leaves_the_daemon_to_the_rest(
    tmp_path: Path,
) -> None:
    """ctr ends when its Wait breaks, while its Start is held until the daemon is back."""
    check = await check_known("ctr-run", tmp_path / "out", faults=["daemon-restart"])
    assert len(check.positions) == check.manifest["calls"]
    leaked = check.positions[check.positions["outcome"] == "leaked"]
    assert "Tasks.Start {id}" in set(leaked["call"])
