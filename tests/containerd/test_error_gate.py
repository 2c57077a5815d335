"""Every gRPC status becomes an error of our own that says what was asked, of whom, where."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc
import pytest

from iluvatar_bench import errors
from iluvatar_bench.containerd.channel import BY_STATUS
from iluvatar_bench.containerd.client import connect
from tests.support.fake_containerd import fake_containerd

FAILURES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def test_no_status_is_unmapped() -> None:
    assert set(BY_STATUS) == set(FAILURES)


@pytest.mark.parametrize("code", FAILURES, ids=lambda code: code.name)
async def test_each_status_arrives_as_its_error(code: grpc.StatusCode, short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.answers["Snapshots.Stat"] = code
        with pytest.raises(errors.ContainerdError) as caught:
            await client.snapshots("overlayfs").stat("some-key")
    error = caught.value
    assert type(error) is BY_STATUS[code]
    assert isinstance(error.__cause__, grpc.aio.AioRpcError)
    for part in ("Snapshots.Stat", "some-key", "iluvatar-bench", "told to fail"):
        assert part in str(error)


async def test_a_daemon_that_goes_away_in_a_call_leaves_the_answer_unknown(
    short_folder: Path,
) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.answers["Tasks.Start"] = grpc.StatusCode.UNAVAILABLE
        with pytest.raises(errors.AnswerLost):
            await client.tasks.start("some-container")


async def test_a_stale_socket_is_unreachable_not_unknown(short_folder: Path) -> None:
    path = short_folder / "stale"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    with pytest.raises(errors.Unreachable, match="no containerd answers at"):
        async with connect(path):
            pass


async def test_a_path_that_is_no_socket(short_folder: Path) -> None:
    with pytest.raises(errors.UnusablePath, match="not there"):
        async with connect(short_folder / "nothing"):
            pass
    (short_folder / "file").touch()
    with pytest.raises(errors.UnusablePath, match="no socket"):
        async with connect(short_folder / "file"):
            pass
