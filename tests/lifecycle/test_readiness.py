"""Waiting for a function's own word: seen at once, given up in time, said in plain words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from iluvatar_bench.containerd.values import ExitStatus
from iluvatar_bench.errors import StartupFailed
from iluvatar_bench.host.tails import TAIL_BYTES
from iluvatar_bench.lifecycle.readiness import READY_TEXT, tail, wait_for_text
from iluvatar_bench.lifecycle.start_barrier import barrier_at


class Output:
    """The two files of a container, and the future of its exit."""

    def __init__(self, folder: Path) -> None:
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self.stdout.touch()
        self.stderr.touch()
        self.exited: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    def say(self, text: str) -> None:
        with self.stderr.open("a") as file:
            file.write(text)

    async def wait_ready(self, seconds: float = 10.0) -> None:
        await wait_for_text(
            READY_TEXT,
            container_id="c-1",
            stdout=self.stdout,
            stderr=self.stderr,
            exited=self.exited,
            seconds=seconds,
        )


async def test_it_is_seen_whether_said_before_or_during_the_wait(tmp_path: Path) -> None:
    output = Output(tmp_path)
    waiting = asyncio.create_task(output.wait_ready())
    output.say(" * Serving Flask\n * Runn")
    await asyncio.sleep(0)
    output.say("ing on http://127.0.0.1:8080\n")
    await waiting
    await output.wait_ready(seconds=0.0)


async def test_an_exit_is_not_waited_out(tmp_path: Path) -> None:
    output = Output(tmp_path)
    output.say("Traceback ...\nModuleNotFoundError: No module named 'csv'\n")
    output.exited.set_result(ExitStatus(1, None))
    with pytest.raises(StartupFailed) as caught:
        await output.wait_ready()
    assert caught.value.exited
    assert str(caught.value) == (
        "container c-1 ended with status 1 before it said 'Running on'; "
        "its last words: ModuleNotFoundError: No module named 'csv'"
    )


async def test_silence_is_given_up_in_time(tmp_path: Path) -> None:
    output = Output(tmp_path)
    with pytest.raises(StartupFailed) as caught:
        await output.wait_ready(seconds=0.02)
    assert not caught.value.exited
    assert "did not say 'Running on' within 0.02 s and still runs; it said nothing" in str(
        caught.value
    )


def test_a_tail_is_bounded_and_survives_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / "output"
    assert tail(path) == ""
    path.write_bytes(b"x" * 3 * TAIL_BYTES + b"\xff\x00end")
    text = tail(path)
    assert len(text) == TAIL_BYTES
    assert text.endswith("�\x00end")


def test_a_gate_lets_one_byte_through(tmp_path: Path) -> None:
    with barrier_at(tmp_path / "barrier") as barrier:
        barrier.open()
        with (tmp_path / "barrier").open("rb", buffering=0) as other_side:
            assert other_side.read(1) == b"\n"
