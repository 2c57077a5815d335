"""The locks of traces: in one folder, which the last owner removes while others come."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from iluvatar_bench.host.kernel import trace_instance

TIMES = 300


def test_an_owner_that_ends_takes_nothing_from_one_that_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "traces"
    monkeypatch.setattr(trace_instance, "TRACE_HOME", home)

    def come_and_go() -> None:
        for _ in range(TIMES):
            token = secrets.token_hex(4)
            with trace_instance._claimed(token):
                assert (home / token).exists()

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(come_and_go) for _ in range(2)]:
            ended.result()
    assert not home.exists()
