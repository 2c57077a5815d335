"""Runs in one zip file and back: whole, checked, and safe to open whoever made it."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest

from iluvatar_bench.errors import UnusablePath, UsageError
from iluvatar_bench.host import zip_files
from iluvatar_bench.records import Death, Event, Outcome, Sample, Trial, Way
from iluvatar_bench.records.run_result import RUN_MIME
from iluvatar_bench.runs import archive_runs, find_run, open_archive, open_run
from iluvatar_bench.runs.execute import write_run
from iluvatar_bench.runs.executed_notebooks import notebook_files
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.studies import check_tables
from tests.support.command import command
from tests.support.run_folders import MANIFEST, make_run


def journaled_run(folder: Path, *, trials: int = 8) -> Path:
    """A run folder as a run leaves it, journals and tables, made without a daemon."""
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    for number in range(trials):
        died = number % 3 == 0
        run.append(
            Trial(
                run_id=folder.name,
                trial=number,
                container_id=f"c-{number}",
                profile="guarded",
                factors={"cgroup": "own"},
                function="hello",
                submitted_at=f"2026-11-29T05:00:{number:02d}.25+00:00",
                outcome=Outcome.FAILED if died else Outcome.OK,
                bug_class="process_died" if died else None,
                mechanism="collateral_kill" if died else None,
                error="it died" if died else None,
                steps={"create_ms": 1 / 3 + number},
                invocations=({"container_id": f"c-{number}", "latency_ms": 0.1 * number},),
            )
        )
        name, at = f"c-{number}", f"2026-11-29T05:00:{number:02d}+00:00"
        event = Event(run_id=folder.name, timestamp=at, topic="/tasks/exit", container_id=name)
        death = Death(
            run_id=folder.name,
            container_id=name,
            pid=100 + number,
            first_way=Way.PIDFD,
            first_seen_at=at,
        )
        sample = Sample(
            run_id=folder.name,
            round=number,
            sampled_at=at,
            container_id=name,
            rss_bytes=None if died else 4096,
            diff_bytes=None,
        )
        for table, row in (("events", event), ("deaths", death), ("samples", sample)):
            run.observations[table].append(row.as_row())
    plan = {**MANIFEST["plan"], "trials": MANIFEST["plan"]["trials"][:trials]}
    write_run(run, {**MANIFEST, "run_id": folder.name, "plan": plan, "status": "finished"})
    (folder / "run.log").write_text("it was run\n")
    (folder / ".reserve").write_text("not of the run")
    return folder


RUN = "a run, with 100 %"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run and of a recorded one; the run's folder stays beside it."""
    home = tmp_path_factory.mktemp("kept")
    runs = [journaled_run(home / RUN), find_run("guarded")]
    made = archive_runs([*runs, runs[0]], home / "x.zip", title="A title", license_text="CC-BY-4.0")
    assert made.runs == (RUN, "guarded")
    return made.path


def test_a_run_comes_back_whole_and_its_tables_are_made_again(kept: Path, tmp_path: Path) -> None:
    run = kept.parent / RUN
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != ".reserve"}
    rates = open_run(run).rates
    opened = open_archive(kept, tmp_path / "elsewhere" / "deep")
    assert [path.name for path in opened.runs] == [RUN, "guarded"]
    assert {path.name: path.read_bytes() for path in opened.runs[0].iterdir()} == before
    pd.testing.assert_frame_equal(open_run(opened.runs[0]).rates, rates)
    checks = [check_tables(path) for path in opened.runs]
    assert [check.differs for of_run in checks for check in of_run] == [""] * (7 + 2)
    assert {check.name: (check.rows, check.source) for check in checks[0]} == {
        "deaths.parquet": (8, "journals"),
        "events.parquet": (8, "journals"),
        "failure_rates.csv": (len(rates), "trials"),
        "invocations.parquet": (8, "journals"),
        "samples.parquet": (8, "journals"),
        "trials.csv": (8, "trials"),
        "trials.parquet": (8, "journals"),
    }


def replaced(old: str, new: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


def without_last_row(path: Path) -> None:
    pd.read_parquet(path).iloc[:-1].to_parquet(path, index=False)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("failure_rates.csv", replaced("process_died,3,8,0.375", "process_died,3,8,0.4"), "rate"),
        ("trials.csv", replaced("it died", "it lives"), "other text"),
        ("samples.parquet", without_last_row, "8 rows, not 7"),
        ("deaths.parquet", Path.unlink, "is missing"),
    ],
)
def test_a_table_that_is_another_is_told(
    name: str, change: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    run = journaled_run(tmp_path / "a-run")
    change(run / name)
    differing = {check.name: check.differs for check in check_tables(run) if check.differs}
    assert set(differing) == {name}
    assert told in differing[name]


def test_classes_that_the_program_of_then_did_not_know_are_no_difference() -> None:
    # Recorded under an earlier version, which had fewer rows.
    old = pd.read_csv(find_run("guarded") / "failure_rates.csv")
    assert len(old) < len(open_run(find_run("guarded")).rates)
    assert [check.differs for check in check_tables(find_run("guarded"))] == ["", ""]


def test_the_same_runs_give_the_same_archive(kept: Path, tmp_path: Path) -> None:
    runs = [kept.parent / RUN, find_run("guarded")]
    archive_runs(runs, tmp_path / "x.zip", title="A title", license_text="CC-BY-4.0")
    assert (tmp_path / "x.zip").read_bytes() == kept.read_bytes()


def test_executed_notebooks_that_made_several_runs_come_along(tmp_path: Path) -> None:
    home = tmp_path / "churn-1"
    runs = [make_run(home / f"run-{n}", ok=2).folder for n in (1, 2)]
    notebook = nbformat.v4.new_notebook()
    told = nbformat.v4.new_output("display_data", data={RUN_MIME: {"folder": "/then/run-2"}})
    notebook.cells = [nbformat.v4.new_code_cell("run", outputs=[told])]
    nbformat.write(notebook, home / "churn.ipynb")
    (home / "another.ipynb").write_text("{")
    for name in ("churn.html", "arrivals.csv", "notes.txt"):
        (home / name).write_text(name)
    archive_runs(runs, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("notebooks/")]
    assert sorted(names) == [
        f"notebooks/churn-1/{name}"
        for name in ("another.ipynb", "arrivals.csv", "churn.html", "churn.ipynb")
    ]
    # A run that it did not make takes nothing of it along.
    assert notebook_files(runs[0]) == []


def test_runs_of_the_same_name_stand_beside_each_other(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / home / "run", ok=n).folder for n, home in ((1, "a"), (2, "b"))]
    archive_runs(runs, tmp_path / "x.zip")
    opened = open_archive(tmp_path / "x.zip", tmp_path / "in")
    assert [len(open_run(path).trials) for path in opened.runs] == [1, 2]


def test_a_run_under_way_and_a_file_that_is_there_are_refused(kept: Path, tmp_path: Path) -> None:
    folder = RunFolder(kept.parent / RUN)
    folder.claim()
    with pytest.raises(UsageError, match="is a run that is under way"):
        archive_runs([folder.path], tmp_path / "x.zip")
    folder.close()
    with pytest.raises(UsageError, match=r"x\.zip exists: nothing is written over"):
        archive_runs([folder.path], kept)
    with pytest.raises(UsageError, match=f"{tmp_path} exists: nothing is written over"):
        open_archive(kept, tmp_path)


def crate_of(path: Path) -> tuple[dict[str, Any], set[str], dict[str, str]]:
    """The entities by id, the names of the files, and their checksums."""
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("ro-crate-metadata.json"))
        sums = archive.read("SHA256SUMS").decode()
        names = set(archive.namelist())
    entities = {entity["@id"]: entity for entity in document["@graph"]}
    assert len(entities) == len(document["@graph"]), "an id is an entity's own"
    return entities, names, {line[66:]: line[:64] for line in sums.splitlines()}


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["@id"]} if set(value) == {"@id"} else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_it_describes_itself_as_a_research_object(kept: Path) -> None:
    """What RO-Crate 1.1 demands of the metadata file, the root and the files."""
    entities, names, sums = crate_of(kept)
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert (root["@type"], root["name"]) == ("Dataset", "A title")
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert len(root["datePublished"]) == 10
    files = {unquote(key): one for key, one in entities.items() if one["@type"] == "File"}
    assert set(files) == names - {"ro-crate-metadata.json", "SHA256SUMS"}
    assert {name: one["sha256"] for name, one in files.items()} == {
        name: digest for name, digest in sums.items() if name in files
    }
    for entity in entities.values():
        outside = {ref for ref in references(entity) if "://" in ref}
        assert references(entity) - outside <= set(entities)
    reached, waiting = set(), ["./"]
    while waiting:
        parts = {part["@id"] for part in entities[waiting.pop()].get("hasPart", ())}
        waiting += parts - reached
        reached |= parts
    assert {unquote(key) for key in reached} >= set(files)
    action = entities["#made-guarded"]
    assert action["result"] == {"@id": "runs/guarded/"}
    assert action["startTime"] < action["endTime"]


Draft = dict[str, bytes]


LEAST = {"runs/r/manifest.json": b"{}", "ro-crate-metadata.json": b"{}"}
"""What an archive must have beside its checksums."""


def drafted(path: Path, files: Draft, *, sums: str | None = None, **info: Any) -> Path:
    """An archive with these files beside the least; ``info`` is set of each part.

    With ``sums`` of its own it holds the files alone.
    """
    files = {**LEAST, **files} if sums is None else files
    listed = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            part = zipfile.ZipInfo(name)
            for key, value in info.items():
                setattr(part, key, value)
            archive.writestr(part, data, zipfile.ZIP_DEFLATED)
        archive.writestr("SHA256SUMS", listed if sums is None else sums)
    return path


def refused(path: Path, **limits: Any) -> str:
    target = path.parent / "in" / "deep"
    with pytest.raises(UsageError) as caught:
        open_archive(path, target, **limits)
    text = str(caught.value)
    assert str(path) in text and len(text) < 500 and text.isprintable()
    assert not target.exists()
    assert not list(path.parent.glob("in/*")) and not list(path.parent.glob("in/.*"))
    return text


def test_the_draft_itself_is_taken(tmp_path: Path) -> None:
    """So that what is refused below is refused for what is wrong with it."""
    opened = open_archive(drafted(tmp_path / "x.zip", {"a.txt": b"x"}), tmp_path / "in")
    assert (opened.folder / "a.txt").read_bytes() == b"x"


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/out", "runs/../../out", "a//b", "./a", "a\\b", "C:\\x", "a\x01b", "a\nb"],
)
def test_a_name_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    text = refused(drafted(tmp_path / "x.zip", {name: b"x"}))
    assert "would be outside of the folder" in text or "has a name that is no file's" in text


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_or_device_is_refused(kind: int, tmp_path: Path) -> None:
    path = drafted(tmp_path / "x.zip", {"a": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16)
    assert "is neither a file nor a folder" in refused(path)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a": b"x", "a/b": b"x"}, "two of its files are at 'a/b'"),
        ({"/".join("abcdefghijklmnopqrst"): b"x"}, "is in too many folders"),
        ({256 * "x": b"x"}, "has a name that is too long"),
        ({"folder/": b"x"}, "is a folder with something in it"),
    ],
)
def test_what_fits_no_file_system_is_refused(files: Draft, told: str, tmp_path: Path) -> None:
    assert told in refused(drafted(tmp_path / "x.zip", files))


def test_an_archive_that_is_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = drafted(tmp_path / "x.zip", {"zeros": bytes(8 << 20)})
    assert path.stat().st_size < 1 << 16
    assert "holds 8 MiB: at most 1 MiB are unpacked" in refused(path, most_gib=1 / 1024)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_files, "MOST_FILES", 20)
    path = drafted(tmp_path / "x.zip", {f"f{n}": b"" for n in range(30)})
    assert "holds 33 files: at most 20 are unpacked" in refused(path)


def test_a_part_that_is_larger_than_it_says_is_cut_off(tmp_path: Path) -> None:
    path = drafted(tmp_path / "x.zip", {"zeros": bytes(1 << 20)})
    data = path.read_bytes()
    # The size of a part stands in its own header and in the archive's directory.
    assert data.count((1 << 20).to_bytes(4, "little")) == 2
    path.write_bytes(data.replace((1 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    assert "is no whole zip archive: Bad CRC-32" in refused(path)


def test_checksums_decide(kept: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(kept) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    sums = whole.pop("SHA256SUMS").decode()
    name = f"runs/{RUN}/trials.csv"
    other = {**whole, name: whole[name].replace(b"it died", b"it lived")}
    assert f"{name} is not what its checksum says" in refused(
        drafted(tmp_path / "other.zip", other, sums=sums)
    )
    lacking = {key: value for key, value in whole.items() if key != name}
    assert f"it lacks {name}" in refused(drafted(tmp_path / "lacking.zip", lacking, sums=sums))
    more = {**whole, "more.txt": b""}
    assert "more.txt has no checksum" in refused(drafted(tmp_path / "more.zip", more, sums=sums))
    assert "its SHA256SUMS cannot be read" in refused(
        drafted(tmp_path / "torn.zip", whole, sums=sums[:-30] + "\n")
    )


def test_what_is_no_archive_of_runs_is_told_in_a_line(kept: Path, tmp_path: Path) -> None:
    assert "there is no archive" in refused(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("text")
    assert "is no whole zip archive" in refused(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    assert "it has no SHA256SUMS" in refused(tmp_path / "plain.zip")
    data = kept.read_bytes()
    (tmp_path / "half.zip").write_bytes(data[: len(data) // 2])
    assert "is no whole zip archive" in refused(tmp_path / "half.zip")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = drafted(tmp_path / "x.zip", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusablePath, match="file"):
        open_archive(path, tmp_path / "file" / "in")


def test_the_commands_lead_there_and_back(tmp_path: Path) -> None:
    run = journaled_run(tmp_path / "results" / "a-run")
    done = command("archive", "@latest", "guarded", "--out", "x.zip", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("archive: x.zip (2 runs, 2")
    shutil.rmtree(run)
    done = command("open", "x.zip", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tables that were made again and are the same: 9 of 9" in done.stdout
    done = command("open", "x.zip", "--into", "y", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["runs"]["a-run"]["trials.parquet"] == {
        "rows": 8,
        "made_from": "journals",
        "differs": None,
    }
    # Where it was opened by default, other commands find it.
    assert command("explain", "@latest", cwd=tmp_path).returncode == 0


def test_a_table_that_cannot_be_made_again_is_exit_1_and_nonsense_exit_2(tmp_path: Path) -> None:
    run = journaled_run(tmp_path / "a-run")
    replaced("it died", "it lives")(run / "trials.csv")
    assert command("archive", str(run), "--out", "x.zip", cwd=tmp_path).returncode == 0
    done = command("open", "x.zip", cwd=tmp_path)
    assert done.returncode == 1
    assert "other text" in done.stdout
    drafted(tmp_path / "nonsense.zip", {"runs/r/trials.parquet": b"PAR1"})
    done = command("open", "nonsense.zip", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "schema version" in line
