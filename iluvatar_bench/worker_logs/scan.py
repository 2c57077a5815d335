"""Reading logs: the one pass that finds failures, samples and denominators."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from iluvatar_bench.bugs.classify import Classification, classify_text, is_calm
from iluvatar_bench.bugs.signatures import Signature
from iluvatar_bench.bugs.taxonomy import Certainty
from iluvatar_bench.worker_logs.activity import Activity
from iluvatar_bench.worker_logs.damage import note_damage
from iluvatar_bench.worker_logs.entry import ERROR_LEVELS, LogEntry
from iluvatar_bench.worker_logs.failure import LogFailure
from iluvatar_bench.worker_logs.failures import Failures
from iluvatar_bench.worker_logs.formats import bench_run, parse_entry, plain
from iluvatar_bench.worker_logs.handled_traces import end_of_handled
from iluvatar_bench.worker_logs.join import containers_by_transaction
from iluvatar_bench.worker_logs.json_documents import time_in_document
from iluvatar_bench.worker_logs.lines import Block
from iluvatar_bench.worker_logs.log_report import LogReport, report_of
from iluvatar_bench.worker_logs.names import container_in, container_of_file, is_transaction
from iluvatar_bench.worker_logs.parts import parts_of
from iluvatar_bench.worker_logs.prefilter import MEMORY_CHANGES, Interest, Prefilter
from iluvatar_bench.worker_logs.problems import FileFacts, Problems
from iluvatar_bench.worker_logs.samples import Samples
from iluvatar_bench.worker_logs.shapes import ErrorGroups
from iluvatar_bench.worker_logs.source import LogSource, open_sources
from iluvatar_bench.worker_logs.span import TimeSpan
from iluvatar_bench.worker_logs.split import entry_around
from iluvatar_bench.worker_logs.times import Clock
from iluvatar_bench.worker_logs.unwrap import unwrapped

if TYPE_CHECKING:
    import pandas as pd

MOST_JUDGED_BYTES = 64 * 1024
"""Of a longer entry, its head and tail and the words around each place of interest are judged."""

_MOST_PLACES = 16
_JSON_LINE = re.compile(rb"\s*\{[ \t]{0,4}\"(?!Error)")


def read(paths: Sequence[str | Path], *, zone: str = "UTC") -> pd.DataFrame:
    """The failures in worker and containerd logs, one row for each failure of one container.

    Shorthand for ``scan(paths, zone=zone).failures``; see :func:`scan`.
    """
    return scan(paths, zone=zone).failures


def scan(
    paths: Sequence[str | Path],
    *,
    zone: str = "UTC",
    stdin: BinaryIO | None = None,
    signatures: Sequence[Signature] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> LogReport:
    """Read logs of any size and any mixture of formats, in bounded memory.

    Args:
        paths: files, gzip-compressed or not; folders, for the files in them; ``-`` for standard
            input. Several files are taken together, ordered by time.
        zone: the IANA name of the zone of time stamps that carry none, such as today's worker's.
        stdin: what ``-`` reads instead of the process's standard input.
        signatures: further ones, tried before the table, see :mod:`.own_signatures`.
        since: leave out entries before this time (with a zone). An entry without a time stays.
        until: leave out entries at and after this time.

    What stands in a file never raises: lines that cannot be read are in the report, by file and
    line. A file is read a second time only if a failure has to be joined to its container.

    Raises:
        UnusablePath: a path does not exist or cannot be opened.
        UsageError: there is no such time zone.
    """
    Clock(zone=zone)
    with ExitStack() as stack:
        sources = open_sources(paths, zone=zone, stdin=stdin)
        for source in sources:
            stack.enter_context(source)
        scanner = BlockScanner(zone=zone, signatures=signatures, span=TimeSpan(since, until))
        for source in sources:
            scanner.scan(source)
        wanted = (
            ((failure.file, failure.line), failure.transaction_id or "")
            for failure in scanner.failures.to_join
        )
        joins = containers_by_transaction(sources, wanted)
    return report_of(
        failures=scanner.failures.finished(joins),
        overflow=scanner.failures.overflow,
        samples=scanner.samples,
        activity=scanner.activity,
        files=scanner.files,
        unclassified=scanner.unclassified.found(),
        other_errors=scanner.other_errors,
    )


class BlockScanner:
    """Looks through blocks of log lines and gathers what they hold."""

    def __init__(
        self,
        *,
        zone: str,
        signatures: Sequence[Signature] = (),
        span: TimeSpan | None = None,
        every_error: bool = False,
    ) -> None:
        """``every_error``: also one that no signature knows and that is no container's failure is
        among the failures, as ``unclassified``."""
        self._zone = zone
        self._signatures = signatures
        self._span = span or TimeSpan()
        self._every_error = every_error
        self._prefilter = Prefilter(signatures)
        self.failures = Failures()
        self.samples = Samples()
        self.activity = Activity()
        self.files: list[FileFacts] = []
        self.other_errors = 0
        self.unclassified = ErrorGroups()

    def scan(self, source: LogSource) -> None:
        """Read one source to its end."""
        problems = Problems(source.name)
        clock = source.clock(zone=self._zone)
        size = lines = 0
        json_lines: bool | None = None
        for block in source.blocks(problems):
            if json_lines is None:
                json_lines = _JSON_LINE.match(block.data) is not None
            note_damage(block, problems, json_lines=json_lines)
            self._scan_block(block, source.name, clock, problems)
            size += len(block.data)
            lines = block.line - 1 + block.ends + (not block.data.endswith(b"\n"))
        self.files.append(FileFacts(file=source.name, bytes=size, lines=lines, problems=problems))

    def failures_in(
        self, block: Block, file: str, clock: Clock, problems: Problems
    ) -> list[LogFailure]:
        """The reports of failures in one block, each by itself."""
        self.failures = Failures()
        self._scan_block(block, file, clock, problems)
        return self.failures.finished({})

    def _scan_block(self, block: Block, file: str, clock: Clock, problems: Problems) -> None:
        places = _without_calm(block.data, self._prefilter.places(block.data))
        if any(interest in _OF_FAILURES for _, interest in places):
            inner = unwrapped(block)
            if inner is not block:
                places = _without_calm(inner.data, self._prefilter.places(inner.data))
                block = inner
        data, floor, calm = block.data, 0, 0
        numbers = _LineNumbers(block)
        for index, (position, interest) in enumerate(places):
            if interest in _OF_FAILURES:
                if position < floor or (position < calm and interest is Interest.FAILURE):
                    continue
                if position >= calm:
                    start, end = entry_around(data, position, floor)
                if interest is Interest.FAILURE and _is_calm_line(data[start:end]):
                    # Another word of the same line may count at a calm level.
                    calm = end
                    continue
                handled = end_of_handled(data, start, end)
                floor = handled or end
                if handled:
                    continue
                for offset, part in parts_of(data[start:floor]):
                    at = start + offset
                    text = _judged(part, at, itertools.islice(places, index, None))
                    found = classify_text(bench_run.ending_error(text), first=self._signatures)
                    if found.bug_class is not None or _says_error(text):
                        number = numbers.at(at)
                        stamp = block.stamps[number - block.line] if block.stamps else ""
                        self._report(text, found, file, number, clock, problems, stamp)
                continue
            start = data.rfind(b"\n", 0, position) + 1
            end = data.find(b"\n", position)
            end = end if end >= 0 else len(data)
            if self._span.is_set and not self._span.holds_line(data[start:end], clock):
                continue
            if interest is Interest.INVOCATION:
                self.activity.add_invocation(data, start, end, clock)
            elif interest is Interest.CONTAINER:
                self.activity.add_line(data[start:end], clock)
            elif not self.samples.add_if_full():
                self._sample(data[start:end], file, numbers.at(start), clock)

    def _report(
        self,
        text: str,
        found: Classification,
        file: str,
        line: int,
        clock: Clock,
        problems: Problems,
        stamp: str = "",
    ) -> None:
        """Take in an entry that has a class, or that says itself that something failed."""
        entry = parse_entry(text, clock)
        if entry.time is None or entry.format == plain.NAME:
            # Of an object the first stamp is as a rule when it was created.
            stamp = time_in_document(text) or (stamp if entry.time is None else "")
        else:
            stamp = ""
        if stamp:
            when, zone = clock.read(stamp)
            entry = replace(entry, time=when, zone=zone)
        if not self._span.holds(entry.time):
            return
        if entry.damage:
            problems.add(line, entry.damage)
        # No signature knows it, and its words decide little.
        nameless = found.signature is None or found.known is None
        unknown = nameless and found.certainty is not Certainty.LIKELY
        if unknown and not entry.reports_failure:
            if found.bug_class is None and (
                not entry.from_worker or entry.level not in ERROR_LEVELS
            ):
                return
            fails = _is_failure(entry)
            if found.known is None or not fails:
                self.unclassified.add(
                    found.matched or text, time=entry.time, file=file, line=line, is_failure=fails
                )
            if not fails and not self._every_error:
                # An error that names nobody: no container failed.
                self.other_errors += entry.from_worker
                return
        if entry.container_id is None and entry.transaction_id is None:
            entry = replace(entry, container_id=container_of_file(file))
        failure = LogFailure.of(entry, found, file=file, line=line)
        if failure.container_id is not None:
            hour = f"{entry.time:%Y-%m-%d %H:00}" if entry.time else ""
            self.activity.add_container(failure.container_id, hour)
        self.failures.add(failure)

    def _sample(self, raw: bytes, file: str, line: int, clock: Clock) -> None:
        change = next((m for p in MEMORY_CHANGES if (m := p.search(raw))), None)
        if change is None:
            return
        text = raw[:8192].decode(errors="replace")
        self.samples.add(
            time=clock.read(text[:120])[0],
            container_id=container_in(text),
            old_mb=int(change.group(2)),
            new_mb=int(change.group(1)),
            file=file,
            line=line,
        )


class _LineNumbers:
    """Line numbers of offsets into a block, counted on from the offset asked for last."""

    def __init__(self, block: Block) -> None:
        self._data = block.data
        self._offset, self._number = 0, block.line

    def at(self, offset: int) -> int:
        if offset >= self._offset:
            self._number += self._data.count(b"\n", self._offset, offset)
        else:
            self._number -= self._data.count(b"\n", offset, self._offset)
        self._offset = offset
        return self._number


_OF_FAILURES = (Interest.FAILURE, Interest.TOLD_CALMLY)


def _is_calm_line(entry: bytes) -> bool:
    if b"\n" in entry[:-1] or b"\x1b" in entry:
        return False
    return is_calm(entry.decode(errors="replace"))


# What is_calm says of them too, at a tenth of its cost: healthy logs are full of such lines.
_CALM_ENTRY = re.compile(
    rb"\[\d{4}-\d\d-\d\d [^\]\n]{8,40}\] \[(?:INFO|DEBUG|TRACE)\] [^\n]*\n(?=\[\d{4}-\d\d-\d\d |\Z)"
    rb"|time=\"[^\"\n]{10,40}\" level=(?:info|debug|trace) [^\n]*\n(?=time=\"|\Z)"
)


def _without_calm(data: bytes, places: list[tuple[int, Interest]]) -> list[tuple[int, Interest]]:
    """The places without the words of failures in calm entries of one line."""
    kept: list[tuple[int, Interest]] = []
    calm = 0
    for place in places:
        position, interest = place
        if interest is Interest.FAILURE:
            if position < calm:
                continue
            quiet = _CALM_ENTRY.match(data, data.rfind(b"\n", 0, position) + 1)
            if quiet is not None:
                calm = quiet.end()
                continue
        kept.append(place)
    return kept


_NOT_KEPT = re.compile(
    r"(?:[Cc]ontainer|[Ss]andbox|\b[Pp]od|[Tt]ask|[Ff]unction|[Ss]him)\b[^\n]{0,80}"
    r"(?:creat|start|run|launch|reach|connect|attach|kept|keep|exec|kill|die|dead|exit|lost|gone)"
    r"|(?:creat|start|run|launch|reach|connect|attach|keep|exec)\w{0,5} [^\n]{0,40}"
    r"(?:[Cc]ontainer|[Ss]andbox|\b[Pp]od|[Tt]ask|[Ff]unction)\b"
)
"""Of an error that no signature knows: a container was not created, started, reached or kept."""


def _is_failure(entry: LogEntry) -> bool:
    """Whether an unknown error is one of a container: it names one, or says what it could not."""
    if entry.container_id is not None or is_transaction(entry.transaction_id or ""):
        return True
    return not entry.from_worker and _NOT_KEPT.search(entry.text[:2000]) is not None


_ERROR_WORDS = ("[ERROR]", '"ERROR"', '"Error"', "}}}}}}}}", "]]]]]]]]", "]}]}]}]}")


def _says_error(text: str) -> bool:
    """Whether an entry of no known class may yet report a failure, or be damaged."""
    return any(map(text.__contains__, _ERROR_WORDS))


def _judged(entry: bytes, start: int, places: Iterable[tuple[int, Interest]]) -> str:
    """The text of an entry; of a very long one its ends and what is around ``places`` in it."""
    if len(entry) > MOST_JUDGED_BYTES:
        inside = (place - start for place, _ in places if 0 <= place - start < len(entry))
        entry = _excerpt(entry, list(itertools.islice(inside, _MOST_PLACES)))
    return entry.decode(errors="replace").rstrip("\r\n")


def _excerpt(entry: bytes, places: list[int]) -> bytes:
    quarter = MOST_JUDGED_BYTES // 4
    around = [entry[max(place - 512, 0) : place + 1024] for place in places]
    return b" ... ".join([entry[:quarter], *around, entry[-quarter:]])
