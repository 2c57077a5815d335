"""A process that somebody else has started: its streams, where containerd says that they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iluvatar_bench.containerd.client import connect
from iluvatar_bench.errors import NotFound, UsageError
from iluvatar_bench.lifecycle.attached import attach
from tests.support.descriptors import open_descriptors
from tests.support.fake_containerd import FakeTask, fake_containerd


async def test_files_are_read_from_the_beginning_and_pipes_from_now_on(short_folder: Path) -> None:
    out, err, given = (short_folder / name for name in ("out", "err", "in"))
    out.write_text("said before\n")
    os.mkfifo(err)
    os.mkfifo(given)
    ends = [os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in (err, given)]
    address = short_folder / "s"
    async with fake_containerd(address) as fake, connect(address) as client:
        fake.tasks["c"] = FakeTask(pid=7, streams=(str(given), out.as_uri(), str(err)))
        process = await attach(client, "c")
        assert process.info.pid == 7
        assert process.read_stdout() == b"said before\n"
        assert process.read_stdout() == process.read_stderr() == b""
        with out.open("a") as file:
            file.write("said after")
        os.write(ends[0], b"and a complaint")
        assert (process.read_stdout(), process.read_stderr()) == (b"said after", b"and a complaint")
        assert process.write(b"hear") == 4
        assert os.read(ends[1], 10) == b"hear"
        fake.tasks["c"].ended.set()
        assert (await process.exited).status == 137
        process.close()
        process.close()
        assert process.read_stdout() == b""
    for end in ends:
        os.close(end)


async def test_what_cannot_be_attached_is_said_and_leaves_nothing_open(short_folder: Path) -> None:
    address = short_folder / "s"
    there = short_folder / "out"
    there.touch()
    async with fake_containerd(address) as fake, connect(address) as client:
        with pytest.raises(NotFound):
            await attach(client, "c")
        before = open_descriptors()
        for streams, words in (
            (("", str(there), "binary:///usr/bin/logger?id=c"), "goes to a program"),
            (("", str(there), "/absent/err"), "/absent/err: No such file"),
        ):
            fake.tasks["c"] = FakeTask(pid=7, streams=streams)
            with pytest.raises(UsageError, match=words):
                await attach(client, "c")
        assert open_descriptors() - before == frozenset()
        fake.tasks["c"] = FakeTask(pid=7)
        silent = await attach(client, "c")
        assert silent.read_stdout() == b""
        with pytest.raises(UsageError, match="reads no standard input"):
            silent.write(b"x")
        silent.close()
