"""What is recorded with the project, by name: runs, folders of tables, logs; and runs by path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.host.whole_files import whole_folder
from iluvatar_bench.runs.run_names import RESULTS, named_run, run_folders
from iluvatar_bench.shipped import DATA, IN_CHECKOUT

RECORDED_HOME = DATA / "runs"
"""Runs that travel with the package, so that every analysis works without root or containerd."""

TABLES_HOME = DATA / "tables"
"""Recorded tables of studies that make many runs, a folder a notebook."""


def recorded_names() -> tuple[str, ...]:
    """The recorded runs."""
    return tuple(sorted(path.parent.name for path in RECORDED_HOME.glob("*/manifest.json")))


def find_run(name: str | Path, *, results: Path = RESULTS) -> Path:
    """The folder of a run, by what people call it; what comes first in this list wins.

    A path; the name of a recorded run; ``@latest`` or ``@2`` (:func:`named_run`), or the whole or a
    part of the name of one run in ``results`` or, where none fits there, of a recorded one.

    Raises:
        UsageError: none of them, several, or a folder that is no run; the message says what there
            is.
    """
    path = Path(name)
    if (path / "manifest.json").is_file():
        return path
    if str(name) in recorded_names():
        return RECORDED_HOME / name
    if path.is_dir():
        inside = sorted(found.parent.name for found in path.glob("*/manifest.json"))
        hint = f"; the runs in it are: {', '.join(inside)}" if inside else ""
        raise UsageError(f"{path} is no run folder: it has no manifest.json{hint}")
    recorded = [RECORDED_HOME / one for one in recorded_names()]
    found = named_run(str(name), results=results, recorded=recorded)
    if found is not None:
        return found
    known = [*recorded_names(), *(folder.name for folder in run_folders(results))]
    raise UsageError(
        f"no run {str(name)!r}{meant(str(name), known)}: there is no such folder, "
        f"and the recorded runs are: {', '.join(recorded_names()) or 'none'} "
        "(iluvatar-bench runs lists all)"
    )


def find_tables(name: str | Path) -> Path:
    """A folder of a study's tables: a path, or the name of recorded ones; a path that exists wins.

    Raises:
        UsageError: neither of them; the message says what there is.
    """
    path = Path(name)
    if _tables(path):
        return path
    names = sorted(home.name for home in TABLES_HOME.glob("*") if _tables(home))
    if str(name) in names:
        return TABLES_HOME / name
    what = "has neither CSV nor Parquet files" if path.is_dir() else "is no folder"
    raise UsageError(
        f"no tables {str(name)!r}: it {what}, and the recorded ones are: {', '.join(names)}"
    )


def recorded_logs() -> Path:
    """The folder of the error texts that were noted in 2022."""
    return DATA / "seed"


def is_live(source: str) -> bool:
    """Whether a notebook is to run its workload now (``live``) or to read a run (``recorded``).

    Raises:
        UsageError: it is neither word.
    """
    if source not in ("live", "recorded"):
        raise UsageError(f"source must be live or recorded, not {source!r}")
    return source == "live"


def record_run(folder: Path, name: str, *, replace: bool = False, home: Path | None = None) -> Path:
    """Keep a finished run as the recorded run ``name``; gives its new folder.

    Its manifest, tables and CSV files are copied, and the collections that its log tells of become
    a table. The journal is not (the tables have all of it),
    nor are containerd's log, figures and executed notebooks. ``home`` is the folder of the
    recorded runs.

    Raises:
        UsageError: it is no finished run, the name is no plain file name, it is taken and
            ``replace`` is not set, or without ``home`` there is no source checkout.
        UnusablePath: the folder cannot be written to.
    """
    # pandas: to find a run takes none.
    from iluvatar_bench.runs.collections import TABLE, load_collections
    from iluvatar_bench.runs.result import open_run

    if home is None and not IN_CHECKOUT:
        raise UsageError("recorded runs are kept in a source checkout, and this is none")
    home = home or RECORDED_HOME
    run = open_run(find_run(folder))
    if run.caveat or not len(run.table):
        run.require_trials()
        raise UsageError(run.caveat)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise UsageError(
            f"{name!r} cannot be a recorded run's name: letters, digits and . _ - only"
        )
    target = home / name
    if target.exists() and not replace:
        raise UsageError(f"there is a recorded run {name!r} already: --replace puts this one in")
    with whole_folder(target) as draft:
        for source in [run.folder / "manifest.json", *_tables(run.folder)]:
            shutil.copyfile(source, draft / source.name)
        collections = load_collections(run.folder)
        if collections is not None:
            # Containerd's log, which tells of them, is not kept.
            collections.to_parquet(draft / f"{TABLE}.parquet", index=False)
        # It has no journal to fall back on.
        open_run(draft)
    return target


def _tables(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.parquet"), *folder.glob("*.csv")])
