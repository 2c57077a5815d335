"""What a client left, looked for while other clients make and remove what is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from iluvatar_bench.clients.check import left_on_node

LOOKS = 3000
"""``Path.glob`` fails some 30 times in as many (Python 3.11)."""


def test_pipes_are_found_while_those_of_others_go_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_on_node, "FIFO_HOME", tmp_path)
    kept = tmp_path / "1931506202"
    kept.mkdir()
    (kept / "mine-stdout").touch()
    with others_pipes(tmp_path):
        assert {left_on_node.pipes_of("mine") for _ in range(LOOKS)} == {(kept,)}
    assert left_on_node.pipes_of("[m]ine") == ()


@contextmanager
def others_pipes(home: Path) -> Iterator[None]:
    """Fifty folders at a time, each made and removed again, until the context ends."""
    ended = Event()

    def make_and_remove() -> None:
        while not ended.is_set():
            made = [home / str(number) for number in range(50)]
            for folder in made:
                folder.mkdir()
            for folder in made:
                folder.rmdir()

    thread = Thread(target=make_and_remove)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
