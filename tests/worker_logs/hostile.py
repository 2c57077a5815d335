"""Logs as an enemy, or a full disk, would write them. `python tests/worker_logs/hostile.py MINUTES`
feeds them to the reader for that long, with other seeds than the tests use.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from iluvatar_bench.benchmarks.generated_logs import FORMATS, write_log
from iluvatar_bench.bugs.taxonomy import BugClass
from iluvatar_bench.report import as_html
from iluvatar_bench.worker_logs import LogReport, failure_counts, scan, timeline
from iluvatar_bench.worker_logs.class_table import class_table, remarks
from iluvatar_bench.worker_logs.prefilter import search_words

_INSPECTED = {
    "Id": "3f" * 32,
    "State": {"OOMKilled": True, "ExitCode": 137, "FinishedAt": "2026-03-01T10:00:00.123456789Z"},
    "Mounts": [{"Type": "bind"}],
}
Mutation = Callable[[bytes, random.Random], bytes]


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 200)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _insert(data: bytes, chance: random.Random) -> bytes:
    pieces = [
        b"\0" * chance.randrange(1, 5000),
        b"\xff\xfe\xc3",
        b'{"a":' * chance.randrange(1, 30_000),
        b"[" * 50_000 + b"]" * 50_000,
        b'{"timestamp":"' + b"9" * 6000,
        b"\n" * chance.randrange(1, 2000),
        b"\r\n",
        b'{ "Error": "',
        b'" }\n',
        b"Traceback (most recent call last):\n" + b'  File "x"\n' * chance.randrange(1, 2000),
        b"x" * chance.randrange(1, 3_000_000),
        b"[2022-07-08 15:59:16.127772 -04:00] [ERROR] [",
        b'{"timestamp":"99999-99-99 99:99:99","level":"ERROR","fields":[1]}\n',
        b"\n\x1b[31m" + chance.choice(search_words()).encode() + b"\x1b[0m",
        b'{"timestamp":"2025-03-05 10:11:12.5","level":"ERROR","fields":{"message":"\\ud800","tid":'
        b'"a\\ud8001","container_id":"\\udfff<script>"}}\n',
        "\u202e\U0001f600é".encode(),
        json.dumps([_INSPECTED] * chance.randrange(1, 200), indent=chance.choice([2, 4])).encode(),
    ]
    at = chance.randrange(len(data))
    return data[:at] + chance.choice(pieces) + data[at:]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[chance.randrange(len(data)) // 2 : chance.randrange(len(data) // 2, len(data))]


def _shuffle(data: bytes, chance: random.Random) -> bytes:
    step = chance.randrange(1, 400)
    pieces = [data[at : at + step] for at in range(0, min(len(data), 100_000), step)]
    chance.shuffle(pieces)
    return b"".join(pieces) + data[100_000:]


def _broken_gzip(data: bytes, chance: random.Random) -> bytes:
    packed = gzip.compress(data, compresslevel=1)
    return chance.choice([packed[: len(packed) // 2], _flip(packed, chance), packed + b"tail"])


_MUTATIONS: tuple[Mutation, ...] = (_flip, _insert, _insert, _cut, _shuffle)


def hostile_log(seed: int, folder: Path, *, size_bytes: int = 200_000) -> Path:
    """A log of a random format, damaged in several ways."""
    chance = random.Random(seed)
    path = folder / f"hostile-{seed}.log"
    write_log(
        path,
        format=chance.choice(FORMATS),
        size_bytes=size_bytes,
        failures=chance.randrange(1, 60),
        seed=seed,
    )
    data = path.read_bytes()
    for _ in range(chance.randrange(1, 8)):
        data = chance.choice(_MUTATIONS)(data, chance) or b"x"
    if chance.random() < 0.15:
        data = _broken_gzip(data, chance)
    path.write_bytes(data)
    return path


def check(report: LogReport) -> None:
    """What holds for any input."""
    assert (report.failures["line"] >= 1).all()
    assert report.failures["bug_class"].notna().all()
    assert (report.unreadable["line"] >= 1).all()
    assert report.files["unreadable"].sum() >= len(report.unreadable)
    random_ids = report.failures["container_id"].dropna()
    random_ids = random_ids[
        random_ids.str.contains(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$")
    ]
    assert random_ids.is_unique
    report.failures.to_parquet(io.BytesIO())
    report.failures.to_csv(io.StringIO())
    assert "<script" not in as_html(report.failures)
    assert remarks(report) and len(class_table(report)) <= len(BugClass)
    counts = failure_counts(report)
    assert counts["failures"].sum() == len(report.failures)
    assert timeline(report).to_numpy().sum() == report.failures["time"].notna().sum()


def main(minutes: float) -> None:
    ends_at, rounds, slowest, size = time.monotonic() + minutes * 60, 0, 0.0, 0
    seed = int(time.time())
    with tempfile.TemporaryDirectory() as name:
        while time.monotonic() < ends_at:
            chance = random.Random(seed)
            paths = [
                hostile_log(seed + n, Path(name), size_bytes=chance.choice([20_000, 2_000_000]))
                for n in range(chance.randrange(1, 4))
            ]
            size += sum(path.stat().st_size for path in paths)
            # What else the machine does is none of the reader's slowness.
            before = time.process_time()
            try:
                check(scan(paths))
            except BaseException:
                print(f"seed {seed}: files {paths}", flush=True)  # noqa: T201
                raise
            slowest = max(slowest, time.process_time() - before)
            rounds += 1
            seed += 10
            for path in paths:
                path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(  # noqa: T201
        f"{rounds} rounds, {size / 1e6:.0f} MB, slowest {slowest:.2f} s of processor time, "
        f"peak {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]))
