"""One failure of one container, gathered from the entries that report it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iluvatar_bench.bugs.classify import Classification
from iluvatar_bench.bugs.signatures import BY_OBJECT, SIGNATURES
from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.names import function_of, is_transaction

TEXT_LIMIT = 2000
"""Most characters of a failure's text: the head, and the tail, where a traceback says what."""

_RANKS = {id(signature): rank for rank, signature in enumerate((*SIGNATURES, *BY_OBJECT))}


@dataclass(slots=True, kw_only=True)
class LogFailure:
    """A failure. ``time`` and ``last_seen`` are UTC or None, ``file`` and ``line`` (from 1) those
    of its first entry, ``entries`` how many report it.

    ``rank`` is the place of the class among causes: the smaller is the earlier one. ``certainty``
    says how far the words decide the class, ``alternatives`` what else they can mean, joined by
    commas.
    """

    bug_class: BugClass
    certainty: Certainty
    alternatives: str
    rank: int
    container_id: str | None
    function: str | None
    version: str | None
    time: datetime | None
    last_seen: datetime | None
    zone: str
    transaction_id: str | None
    file: str
    line: int
    format: str
    matched: str
    text: str
    entries: int = 1

    @classmethod
    def of(cls, entry: LogEntry, found: Classification, *, file: str, line: int) -> LogFailure:
        """A failure that ``entry`` alone reports; without a class it is ``unclassified``."""
        container, function, version, transaction = (
            _storable(value) if value else None
            for value in (entry.container_id, entry.function, entry.version, entry.transaction_id)
        )
        if container:
            own_function, own_version = function_of(container)
            function, version = own_function or function, own_version or version
        return cls(
            bug_class=found.bug_class or BugClass.UNCLASSIFIED,
            certainty=found.certainty,
            alternatives=", ".join(found.alternatives),
            rank=_rank(found),
            container_id=container,
            function=function,
            version=version,
            time=entry.time,
            last_seen=entry.time,
            zone=entry.zone,
            transaction_id=transaction,
            file=file,
            line=line,
            format=entry.format,
            matched=_storable(found.matched),
            text=_storable(_shortened(entry.text)),
        )

    def _is_before(self, other: LogFailure) -> bool:
        if self.time is not None and other.time is not None and self.time != other.time:
            return self.time < other.time
        return self.file != other.file or self.line <= other.line

    @property
    def needs_join(self) -> bool:
        """Whether only a transaction says whom this is about."""
        return (
            self.container_id is None
            and self.transaction_id is not None
            and is_transaction(self.transaction_id)
        )

    def belongs_to(self, container_id: str) -> None:
        """Name the container, found through the transaction."""
        self.container_id = container_id
        function, version = function_of(container_id)
        self.function, self.version = function or self.function, version or self.version

    def absorb(self, other: LogFailure) -> None:
        """Take in another report of the same failure: the earlier cause decides the class.

        But for a silent start and a death: each is met after the other, and the first came first.
        """
        if {self.bug_class, other.bug_class} == _IN_ORDER_OF_TIME:
            takes = self._is_before(other) is False
        else:
            takes = other.rank < self.rank
        if takes:
            self.bug_class, self.rank = other.bug_class, other.rank
            self.certainty, self.alternatives = other.certainty, other.alternatives
            self.matched, self.text = other.matched, other.text
        if other.time is not None and (self.time is None or other.time < self.time):
            self.time, self.zone = other.time, other.zone
            self.file, self.line, self.format = other.file, other.line, other.format
        ends = [t for t in (self.last_seen, other.last_seen) if t is not None]
        self.last_seen = max(ends, default=None)
        self.transaction_id = self.transaction_id or other.transaction_id
        self.function = self.function or other.function
        self.version = self.version or other.version
        self.entries += other.entries


def _rank(found: Classification) -> int:
    if found.signature is None or found.known is None:
        return len(_RANKS) + (found.known is None)
    # Of a site's own signatures none is in the table: they come first.
    return _RANKS.get(id(found.signature), -1)


_IN_ORDER_OF_TIME = {BugClass.SILENT_STARTUP, BugClass.PROCESS_DIED}


def _storable(text: str) -> str:
    """The text without half characters, which JSON can name and no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _shortened(text: str) -> str:
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"
