"""Lines that wrap another program's: Docker's json-file, the CRI's log files, journald's JSON,
the heads of syslog before each line of a trace, and JSON documents over many lines.

A block of such lines becomes the lines that the program itself wrote, one for one, so that a
traceback stays whole and a level stands at the head of its line; the outer time stamps are kept
beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from iluvatar_bench.worker_logs.json_documents import on_one_line
from iluvatar_bench.worker_logs.lines import Block
from iluvatar_bench.worker_logs.repeated_heads import holds_trace, without_repeated_heads

_CRI = re.compile(rb"(\d{4}-\d\d-\d\dT\S{8,30}) (stdout|stderr) ([FP])(?:[:\w]{0,20}) ?")
_DOCKER = re.compile(rb'\{\s?"log"\s?:\s?"')
_JOURNALD = re.compile(rb'\{[^\n]{0,2000}?"(?:__REALTIME_TIMESTAMP|__CURSOR|MESSAGE)"\s?:')


@dataclass(frozen=True, slots=True)
class _Line:
    """``stream``: parts are joined within one. ``is_part``: the line goes on in a later one."""

    stamp: str
    stream: str
    is_part: bool
    text: bytes


_Reader = Callable[[bytes], "_Line | None"]


def unwrapped(block: Block) -> Block:
    """The block without its wrapping; the same block if it has none, no trace and no document.

    A line that cannot be read in the wrapping of the first one stays as it is.
    """
    read = _reader(block.data)
    if read is None:
        data = on_one_line(block.data)
        if holds_trace(data):
            data = b"\n".join(without_repeated_heads(data.split(b"\n")))
        return block if data is block.data else replace(block, data=data)
    lines = block.data.split(b"\n")
    inner: list[bytes] = []
    stamps: list[str] = []
    # Where the beginning of an unfinished line stands, of each stream.
    begun: dict[str, int] = {}
    for raw in lines:
        line = read(raw)
        if line is None:
            inner.append(raw)
            stamps.append("")
            continue
        at = begun.get(line.stream)
        if at is None:
            inner.append(line.text)
            if line.is_part:
                begun[line.stream] = len(inner) - 1
        else:
            inner[at] += line.text
            inner.append(b"")
            if not line.is_part:
                del begun[line.stream]
        stamps.append(line.stamp)
    if read is _read_journald:
        inner = without_repeated_heads(inner)
    return replace(block, data=b"\n".join(inner), stamps=tuple(stamps))


def _reader(data: bytes) -> _Reader | None:
    first = data[: data.find(b"\n") if b"\n" in data else len(data)]
    if _CRI.match(first):
        return _read_cri
    if _DOCKER.match(first):
        return _read_docker
    return _read_journald if _JOURNALD.match(first) else None


def _read_cri(raw: bytes) -> _Line | None:
    head = _CRI.match(raw)
    if head is None:
        return None
    stamp, stream, tag = (part.decode() for part in head.groups())
    return _Line(stamp, stream, tag == "P", raw[head.end() :])


def _read_docker(raw: bytes) -> _Line | None:
    value = _object(raw)
    log = value.get("log")
    if not isinstance(log, str):
        return None
    stream = str(value.get("stream", ""))
    # Docker cuts a line at 16 KiB: what does not end with a line end goes on.
    return _Line(str(value.get("time", "")), stream, not log.endswith("\n"), _bytes(log))


def _read_journald(raw: bytes) -> _Line | None:
    value = _object(raw)
    message = value.get("MESSAGE")
    if isinstance(message, list):
        # Not UTF-8: journald gives the bytes as numbers.
        numbers = [n for n in message if isinstance(n, int) and 0 <= n < 256]
        message = bytes(numbers).decode(errors="replace")
    if not isinstance(message, str):
        return None
    tag = str(value.get("SYSLOG_IDENTIFIER") or value.get("_COMM") or "-").replace(" ", "-")[:60]
    pid = str(value.get("_PID") or value.get("SYSLOG_PID") or "0")
    text = f"{tag}[{pid}]: {message}" if pid.isdigit() else message
    if _is_error(value) and " level=" not in message:
        text = f"<3>{text}"
    return _Line(_journald_stamp(value), "", False, _bytes(text))


def _is_error(value: dict[str, object]) -> bool:
    return str(value.get("PRIORITY", "")) in ("0", "1", "2", "3")


def _journald_stamp(value: dict[str, object]) -> str:
    try:
        seconds = int(str(value["__REALTIME_TIMESTAMP"])) / 1e6
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (KeyError, ValueError, OverflowError, OSError):
        return ""


def _object(raw: bytes) -> dict[str, object]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _bytes(text: str) -> bytes:
    # One line stays one line: an inner line end is written as other programs quote it.
    return text.rstrip("\r\n").replace("\n", "\\n").encode("utf-8", "replace")
