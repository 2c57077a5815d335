"""A traceback that its program gets over is no failure, though the warning is another entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.worker_logs import scan

TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/app/handler.py", line 2, in <module>\n'
    "    import orjson\n"
    "ModuleNotFoundError: No module named 'orjson'\n"
)
GOES_ON = "INFO:root:started\n"
FALLS_BACK = "WARNING:root:could not import it, falling back\n"


def _classes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "a.log"
    path.write_text(f"hello\n{text}")
    return [str(bug_class) for bug_class in scan([path]).failures["bug_class"]]


@pytest.mark.parametrize(
    "text",
    [
        FALLS_BACK + TRACE + GOES_ON,
        "2025-01-01 10:00:00,123 WARNING app: optional orjson is missing\n" + TRACE + GOES_ON,
        'time="2025-01-01T10:00:00Z" level=warning msg="no orjson, using json"\n' + TRACE + GOES_ON,
        "[2025-01-01 10:00:00 +0000] [7] [WARNING] import failed\n" + TRACE + "\n" + GOES_ON,
        "".join(
            f"Jan 01 10:00:00 n1 app[7]: {line}\n"
            for line in ("WARNING:root:no orjson\n" + TRACE + GOES_ON).splitlines()
        ),
        "--- Logging error ---\n" + TRACE + "Call stack:\n"
        '  File "x", line 3\n    log.info("%d", "a")\n'
        "Message: 'frob failed %d'\nArguments: ('a',)\n" + GOES_ON,
    ],
    ids=["fallback", "optional", "named", "gunicorn", "journald", "logging"],
)
def test_what_is_got_over_is_no_failure(tmp_path: Path, text: str) -> None:
    assert _classes(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        TRACE + GOES_ON,
        # Nothing follows: the program ended there.
        "WARNING:root:import failed, slow disk\n" + TRACE,
        # The warning is of something else, and what follows is the next start.
        "WARNING: this is a development server\n" + TRACE + GOES_ON,
        "ERROR:root:could not import orjson, falling back\n" + TRACE + GOES_ON,
    ],
    ids=["alone", "end", "else", "error"],
)
def test_what_is_not_got_over_is_one(tmp_path: Path, text: str) -> None:
    assert "startup_error" in _classes(tmp_path, text)
