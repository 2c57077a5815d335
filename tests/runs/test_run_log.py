"""The log in a run's folder: everything, and nothing more than before on stderr."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from iluvatar_bench.runs.run_log import RUN_LOG, logged
from iluvatar_bench.runs.store import RunFolder

OURS = logging.getLogger("iluvatar_bench.somewhere")


def terminal(level: int) -> tuple[logging.Handler, io.StringIO]:
    """A handler as the command line has it, on the root logger at a level."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)
    return handler, text


@pytest.mark.parametrize(("level", "seen"), [(logging.ERROR, "loud\n"), (logging.DEBUG, None)])
def test_the_log_has_everything_and_the_terminal_what_it_asked_for(
    level: int, seen: str | None, tmp_path: Path
) -> None:
    before = logging.getLogger().level
    handler, text = terminal(level)
    try:
        with logged(tmp_path):
            OURS.debug("a detail of %s", "c-1")
            OURS.error("loud")
            logging.getLogger("matplotlib").debug("nobody's business")
        OURS.error("after the run")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(before)
    lines = (tmp_path / RUN_LOG).read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "DEBUG iluvatar_bench.somewhere: a detail of c-1",
        "ERROR iluvatar_bench.somewhere: loud",
    ]
    assert lines[0].split(" ")[0].endswith("Z")
    assert text.getvalue() == (
        f"{seen}after the run\n"
        if seen
        else "a detail of c-1\nloud\nnobody's business\nafter the run\n"
    )
    assert logging.getLogger("iluvatar_bench").level == logging.NOTSET


def test_a_logger_that_is_silenced_silences_no_other(tmp_path: Path) -> None:
    """The command line silences asyncio's: our errors are seen during a run all the same."""
    other = logging.getLogger("asyncio")
    levels = logging.getLogger().level, other.level
    handler, text = terminal(logging.ERROR)
    other.setLevel(logging.CRITICAL)
    try:
        with logged(tmp_path):
            OURS.error("loud")
            other.error("nobody's business")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(levels[0])
        other.setLevel(levels[1])
    assert text.getvalue() == "loud\n"


def test_runs_that_overlap_leave_the_terminal_as_quiet_as_it_was(tmp_path: Path) -> None:
    """A study has several at a time, and the first to begin may be the first to end."""
    level = logging.getLogger().level
    handler, text = terminal(logging.ERROR)
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (logged(folder) for folder in folders)
    try:
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        OURS.debug("of the second alone")
        second.__exit__(None, None, None)
        OURS.debug("of nobody")
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(level)
    assert text.getvalue() == ""
    assert not (folders[0] / RUN_LOG).exists()
    assert "of the second alone" in (folders[1] / RUN_LOG).read_text()
    assert logging.getLogger("iluvatar_bench").level == logging.NOTSET


def test_what_ended_a_run_is_in_its_log_with_its_causes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outer"), logged(tmp_path):
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error
    text = (tmp_path / RUN_LOG).read_text()
    assert "KeyError: 'inner'" in text
    assert "ValueError: outer" in text


def test_a_run_that_never_began_leaves_no_folder_and_a_lost_folder_no_error(
    tmp_path: Path,
) -> None:
    folder = RunFolder.create(tmp_path, profile_name="x")
    with logged(folder.path):
        OURS.info("about to begin")
    folder.discard_if_empty()
    assert list(tmp_path.iterdir()) == []
    with logged(folder.path):
        OURS.error("nowhere to write it")
