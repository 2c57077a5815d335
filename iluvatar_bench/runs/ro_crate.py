"""What an archive of runs says of itself: RO-Crate 1.1 (https://w3id.org/ro/crate/1.1), JSON-LD.

Written by hand: it is one document of four kinds of entities, and the library for it brings a
client for HTTP along. Each run is a ``Dataset`` made by a ``CreateAction`` of this program, as the
specification describes provenance ("Provenance of entities").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from iluvatar_bench.count_words import count_of
from iluvatar_bench.records.run_result import RunResult
from iluvatar_bench.records.run_status import RunStatus

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/crate/1.1"

_PROGRAM = "#iluvatar-bench"
_LICENSE = "#license"

_FORMATS = {
    ".cff": "text/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}

_WHAT = {
    "manifest.json": "profile, plan, seed, versions and facts about the host of the run",
    "journal.jsonl": "one JSON document a trial, written as each ended",
    "trials.parquet": "one row a trial: outcome, bug class, mechanism, evidence, durations",
    "trials.csv": "the trials as text",
    "failure_rates.csv": "the rate of each bug class and outcome with its 95 % interval",
    "events.parquet": "containerd's events, as received",
    "deaths.parquet": "the end of each process, with each way that told it",
    "samples.parquet": "memory of containers and host, round by round",
    "invocations.parquet": "one row a request to a function",
    "arrivals.parquet": "one row an arrival",
    "pool.parquet": "the history of the keep-alive pool",
    "containerd.log": "the log of the run's private containerd",
    "run.log": "what this program had to say during the run",
}
"""What the files of a run are, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrateFile:
    """One file of the archive: its name in it, its length in bytes, its SHA-256."""

    name: str
    size_bytes: int
    sha256: str


def crate_document(
    runs: Mapping[str, RunResult],
    files: Sequence[CrateFile],
    *,
    title: str,
    license_text: str,
    published: str,
    version: str,
) -> dict[str, Any]:
    """The metadata of an archive.

    Args:
        runs: by the folder of each in the archive, without a slash at the end.
        files: everything in it but the metadata and the list of checksums.
        title: of the archive.
        license_text: an SPDX identifier, an address, or words; empty: nobody has stated one.
        published: the day, ISO 8601.
        version: of this program.
    """
    folders = [f"{folder}/" for folder in runs]
    loose = [file for file in files if not file.name.startswith(tuple(folders))]
    lead = [*({"@id": _id(folder)} for folder in folders), *(_ref(file) for file in loose)]
    return {
        "@context": [f"{PROFILE}/context", {"sha256": "https://schema.org/sha256"}],
        "@graph": [
            {
                "@id": METADATA,
                "@type": "CreativeWork",
                "conformsTo": {"@id": PROFILE},
                "about": {"@id": "./"},
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": title,
                "description": _description(runs),
                "datePublished": published,
                "license": {"@id": _license_id(license_text)},
                "hasPart": lead,
                "mentions": [{"@id": _action_id(folder)} for folder in runs],
            },
            _license(license_text),
            {
                "@id": _PROGRAM,
                "@type": "SoftwareApplication",
                "name": "iluvatar-bench",
                "description": "Reproduces, measures and explains intermittent failures of "
                "containers on containerd.",
                "softwareVersion": version,
            },
            *(entity for item in runs.items() for entity in _run_entities(*item, files)),
            *(_file(file) for file in files),
        ],
    }


def _id(name: str) -> str:
    """A path as the specification wants it: relative, and encoded as in an address."""
    return quote(name)


def _ref(file: CrateFile) -> dict[str, str]:
    return {"@id": _id(file.name)}


def _action_id(folder: str) -> str:
    return f"#made-{_id(PurePosixPath(folder).name)}"


def _description(runs: Mapping[str, RunResult]) -> str:
    told = "; ".join(f"{PurePosixPath(folder).name}: {_words(run)}" for folder, run in runs.items())
    return f"{count_of(len(runs), 'run')} of containers on containerd: {told}"


def _words(run: RunResult) -> str:
    """What a run is, without where it lies on the host that made it."""
    rows = run.rates[run.rates["kind"] == "outcome"]
    outcomes = rows.groupby("bug_class", sort=False)["count"].sum()
    counted = ", ".join(f"{count} {name}" for name, count in outcomes.items())
    caveat = f" ({run.caveat})" if run.caveat else ""
    return f"{run.workload} under {run.label}, {counted or 'no trials'}{caveat}"


def _run_entities(
    folder: str, run: RunResult, files: Sequence[CrateFile]
) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest, dataset = run.manifest, _id(f"{folder}/")
    parts = [_ref(file) for file in files if file.name.startswith(f"{folder}/")]
    made = {
        "@id": dataset,
        "@type": "Dataset",
        "name": PurePosixPath(folder).name,
        "description": _words(run),
        "hasPart": parts,
    }
    finished = manifest.get("status") in (RunStatus.FINISHED, RunStatus.STOPPED)
    action = {
        "@id": _action_id(folder),
        "@type": "CreateAction",
        "name": f"{run.workload} under {run.label}",
        "description": _where(manifest),
        "instrument": {"@id": _PROGRAM},
        "result": {"@id": dataset},
        "startTime": manifest.get("started_at"),
        "endTime": manifest.get("ended_at"),
        "actionStatus": {
            "@id": f"http://schema.org/{'Completed' if finished else 'Failed'}ActionStatus"
        },
    }
    return made, {key: value for key, value in action.items() if value is not None}


def _where(manifest: Mapping[str, Any]) -> str:
    host, containerd = manifest.get("host") or {}, manifest.get("containerd") or {}
    facts = {
        "containerd": containerd.get("version"),
        "runtime": host.get("runc"),
        "kernel": host.get("kernel"),
        "machine": host.get("machine"),
        "processors": host.get("cpus"),
        "cgroup": host.get("cgroup_mode"),
    }
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)


def _license_id(text: str) -> str:
    if "://" in text:
        return text
    if text and " " not in text:
        return f"https://spdx.org/licenses/{text}"
    return _LICENSE


def _license(text: str) -> dict[str, Any]:
    entity = {"@id": _license_id(text), "@type": "CreativeWork", "name": text}
    if text:
        return {**entity, "description": f"The licence of this archive: {text}."}
    return {
        **entity,
        "name": "no licence stated",
        "description": "Whoever made this archive has stated no licence for what is in it.",
    }


def _file(file: CrateFile) -> dict[str, Any]:
    path = PurePosixPath(file.name)
    entity = {
        "@id": _id(file.name),
        "@type": "File",
        "name": path.name,
        "contentSize": str(file.size_bytes),
        "encodingFormat": _FORMATS.get(path.suffix, "text/plain"),
        "sha256": file.sha256,
    }
    return {**entity, "description": _WHAT[path.name]} if path.name in _WHAT else entity
