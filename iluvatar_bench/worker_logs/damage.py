"""Lines that are not what a log line should be: found a block at a time, named one by one."""

from __future__ import annotations

from iluvatar_bench.worker_logs.lines import Block
from iluvatar_bench.worker_logs.problems import Problems


def note_damage(block: Block, problems: Problems, *, json_lines: bool) -> None:
    """Note lines with NUL bytes or text that is not UTF-8, and JSON objects that were cut short.

    Where the block as a whole is in order, and nearly every block is, that takes two or three
    passes of memchr speed. The lines stay in the block: what is legible in them is still read.
    ``json_lines``: every line of this file should end with a brace.
    """
    data = block.data
    cut_short = json_lines and data.count(b"}\n") < block.ends + (not data.endswith(b"\n"))
    if not cut_short and b"\0" not in data and _is_text(data):
        return
    for number, line in enumerate(data.split(b"\n"), start=block.line):
        if b"\0" in line:
            problems.add(number, "NUL bytes")
        elif not _is_text(line):
            problems.add(number, "not UTF-8")
        elif cut_short and line.startswith(b"{") and not line.rstrip().endswith(b"}"):
            problems.add(number, "a JSON object that was cut short")


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
