"""The formats, one module each, told apart by what an entry looks like.

A format has a ``NAME``, a ``HEADER`` (bytes pattern of how its entries begin; plain text has none)
and ``parse(text, clock)``. The order matters: the first that knows an entry reads it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from iluvatar_bench.worker_logs.entry import LogEntry
from iluvatar_bench.worker_logs.formats import (
    bench_run,
    containerd_json,
    containerd_logfmt,
    error_document,
    plain,
    tracing_json,
    worker_2022,
)
from iluvatar_bench.worker_logs.times import Clock

_FORMATS = (
    worker_2022,
    error_document,
    tracing_json,
    containerd_logfmt,
    containerd_json,
)
NAMES = (*(f.NAME for f in _FORMATS), bench_run.NAME, plain.NAME)

# In front of a line: syslog or journald, then the CRI's own stamp.
_ENVELOPE = re.compile(
    r"(?:<\d{1,3}>)?(?:1 (?P<rfc5424>\d{4}-\d\d-\d\dT\S{8,30}) \S{1,64} \S{1,64} \S{1,20} \S{1,40} "
    r"(?:-|\[[^\]\n]{1,400}\]) )?"
    r"(?:(?P<syslog>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30})"
    r" \S{1,64} [\w.@/:-]{1,64}(?:\[\d{1,10}\])?: |[\w.@/:-]{1,64}\[\d{1,10}\]: )?"
    r"(?:(?P<cri>\d{4}-\d\d-\d\dT\S{8,30}) std(?:out|err) [FP] )?"
)


def parse_entry(text: str, clock: Clock) -> LogEntry:
    """Read one entry (its lines without the last line end) in whatever format it is."""
    own = bench_run.parse(text, clock)
    if own is not None:
        # Its head reads like an envelope with a host and a tag.
        return own
    envelope = _ENVELOPE.match(text)
    body = text[envelope.end() :] if envelope else text
    entry = next((e for f in _FORMATS if (e := f.parse(body, clock))), None)
    entry = entry or plain.parse(body, clock)
    if entry.time is None and envelope and envelope.end():
        when, zone = clock.read(envelope["cri"] or envelope["syslog"] or envelope["rfc5424"] or "")
        entry = replace(entry, time=when, zone=zone)
    return entry
