"""A part of a log by time, and a log that is still being written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.errors import NoSuchFile, UsageError
from iluvatar_bench.worker_logs import scan
from iluvatar_bench.worker_logs.follow import follow
from iluvatar_bench.worker_logs.span import TimeSpan, time_of

GUID = "19293B05-F0B7-8235-B4FC-C24D533300"


def lost(hour: int) -> str:
    return (
        f"[2022-07-08 {hour}:00:00.5 +00:00] [ERROR] [m] [t1] a-1.0-{GUID}{hour}: ttrpc: closed\n"
    )


def launched(hour: int) -> str:
    return (
        f"[2022-07-08 {hour}:00:00.1 +00:00] [INFO] [m] [t1] container 'a-1.0-{GUID}{hour}' "
        "was launched\n"
    )


def test_only_entries_of_the_span_count(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = "".join(launched(hour) + lost(hour) for hour in (10, 11, 12, 13))
    path.write_text(f"OOMKilled\n{lines}")
    report = scan(
        [path],
        since=datetime(2022, 7, 8, 11, tzinfo=UTC),
        until=datetime(2022, 7, 8, 13, tzinfo=UTC),
    )
    times = report.failures["time"].dt.hour.tolist()
    # What has no time may belong to the span.
    assert times[:2] == [11, 12]
    assert len(times) == 3
    assert report.activity["containers"].sum() == 2


def test_a_time_of_the_command_line_is_read_in_its_zone() -> None:
    assert time_of("2022-07-08T11:30Z") == datetime(2022, 7, 8, 11, 30, tzinfo=UTC)
    assert time_of("2022-07-08", zone="Europe/Vienna") == datetime(2022, 7, 7, 22, tzinfo=UTC)
    with pytest.raises(UsageError, match="write it as"):
        time_of("yesterday")


def test_a_growing_log_gives_its_failures_as_they_come(tmp_path: Path) -> None:
    """What is there already is not read; a rotated file is read from its new beginning."""
    path = tmp_path / "a.log"
    path.write_text(lost(10))
    steps = iter(("append", "rotate", "end"))

    def goes_on() -> bool:
        match next(steps):
            case "append":
                with path.open("a") as log:
                    log.write(launched(11) + lost(11))
                return True
            case "rotate":
                path.rename(tmp_path / "a.log.1")
                path.write_text(lost(12))
                return True
        return False

    found = [failure.container_id for failure in follow([path], goes_on=goes_on)]
    assert found == [f"a-1.0-{GUID}11", f"a-1.0-{GUID}12"]


@pytest.mark.parametrize("then", ["another", "none"])
def test_a_file_that_is_rotated_once_more_as_it_is_opened_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Whoever rotates may be quick: the name is another file's, or nobody's, a moment later."""
    path = tmp_path / "a.log"
    path.write_text(lost(10))
    opened = Path.open

    def rotate_to(hour: int) -> None:
        path.rename(tmp_path / f"before-{hour}")
        path.write_text(lost(hour))

    def overtaken(self: Path, *arguments: Any, **named: Any) -> Any:
        file = opened(self, *arguments, **named)
        monkeypatch.setattr(Path, "open", opened)
        if then == "another":
            rotate_to(12)
        else:
            path.rename(tmp_path / "before-none")
        return file

    def goes_on() -> bool:
        step = next(steps)
        if step == "rotate":
            rotate_to(11)
            monkeypatch.setattr(Path, "open", overtaken)
        elif step == "write" and then == "none":
            path.write_text(lost(12))
        return step != "end"

    steps = iter(("rotate", "write", "end"))
    found = [failure.container_id for failure in follow([path], goes_on=goes_on)]
    assert found == [f"a-1.0-{GUID}11", f"a-1.0-{GUID}12"]


def test_what_is_in_the_file_can_be_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(lost(10))
    found = list(follow([path], from_start=True, goes_on=lambda: False))
    assert [str(failure.bug_class) for failure in found] == ["shim_lost"]


def test_an_unknown_error_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('time="2025-03-03T10:00:12Z" level=error msg="frob is odd"\n')
    found = list(follow([path], from_start=True, goes_on=lambda: False))
    assert [str(failure.bug_class) for failure in found] == ["unclassified"]


def test_what_is_followed_can_begin_in_the_past(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "".join(
            f'time="2025-03-03T{hour}:00:12Z" level=error msg="x" error="ttrpc: closed"\n'
            for hour in ("09", "10", "11")
        )
    )
    span = TimeSpan(since=time_of("2025-03-03T10:00"), until=time_of("2025-03-03T11:00"))
    found = list(follow([path], from_start=True, span=span, goes_on=lambda: False))
    assert [f"{failure.time:%H}" for failure in found] == ["10"]


def test_only_files_are_followed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only files"):
        list(follow([tmp_path], goes_on=lambda: False))
    with pytest.raises(NoSuchFile, match="absent"):
        list(follow([tmp_path / "absent"], goes_on=lambda: False))
