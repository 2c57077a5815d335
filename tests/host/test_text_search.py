"""A text is found wherever it stands, however it was written, and each byte is read once."""

from __future__ import annotations

import random
from pathlib import Path

from iluvatar_bench.host.text_search import CHUNK_BYTES, TextSearch


def test_a_text_in_pieces_between_any_looks(tmp_path: Path) -> None:
    draw = random.Random(1)
    for number in range(200):
        path = tmp_path / str(number)
        before, after = draw.randrange(40), draw.randrange(40)
        content = b"u" * before + "Läuft on".encode() + b"n" * after
        search = TextSearch(path, "Läuft on")
        assert not search.look()
        written = 0
        with path.open("wb", buffering=0) as file:
            while written < len(content):
                part = content[written : written + draw.randrange(1, 12)]
                file.write(part)
                written += len(part)
                assert search.look() == ("Läuft on".encode() in content[:written])
        assert search.look()


def test_across_the_chunks_of_one_look(tmp_path: Path) -> None:
    for shift in range(12):
        path = tmp_path / str(shift)
        path.write_bytes(b"x" * (CHUNK_BYTES - shift) + b"Running on" + b"y" * CHUNK_BYTES)
        assert TextSearch(path, "Running on").look()
        assert not TextSearch(path, "Walking on").look()


def test_a_file_that_was_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "output"
    search = TextSearch(path, "ready")
    path.write_bytes(b"x" * 100 + b"rea")
    assert not search.look()
    path.write_bytes(b"dy and")
    assert not search.look()
    path.write_bytes(b"ready")
    assert search.look()
    path.unlink()
    assert search.look()
