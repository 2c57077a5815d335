"""Signals in a process that runs something: the first asks, a second SIGINT does what it did."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from iluvatar_bench.host import stop_signals
from iluvatar_bench.host.stop_signals import RunStop, stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_sets_the_event(number: signal.Signals) -> None:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    told: list[bool] = []
    with stop_on_signals(on_stop=lambda: told.append(True)) as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        await stop.wait()
    assert told == [True]
    assert {n: signal.getsignal(n) for n in before} == before


async def test_a_second_interrupt_does_what_it_did_before() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGINT)
            await stop.wait()
            assert came == []
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


async def test_what_is_ignored_or_handled_by_others_stays_theirs() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            await asyncio.sleep(0)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_who_does_not_heed_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_signals, "STOP_SECONDS", 0.0)

    late: list[bool] = []

    async def stubborn() -> None:
        with stop_on_signals(on_late=lambda: late.append(True)):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(stubborn())
    assert late == [True]


async def test_asking_from_another_thread_is_as_a_signal() -> None:
    told: list[bool] = []
    with stop_on_signals(on_stop=lambda: told.append(True)) as stop:
        thread = threading.Thread(target=stop.ask)
        thread.start()
        await stop.wait()
        thread.join()
    assert told == [True]


async def test_asking_twice_gives_up_and_asking_afterwards_does_nothing() -> None:
    asked: list[RunStop] = []

    async def stubborn() -> None:
        with stop_on_signals() as stop:
            asked.append(stop)
            stop.ask()
            await stop.wait()
            stop.ask()
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(stubborn())

    async def quick() -> str:
        with stop_on_signals() as stop:
            asked.append(stop)
        asked[-1].ask()
        await asyncio.sleep(0)
        return "whole"

    assert await asyncio.create_task(quick()) == "whole"
    assert not asked[-1].is_set()


async def test_an_interrupt_after_asking_does_what_it_did_before() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        with stop_on_signals() as stop:
            stop.ask()
            await stop.wait()
            signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_there_are_no_signals() -> None:
    async def run() -> bool:
        with stop_on_signals() as stop:
            return stop.is_set()

    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(run())))
    thread.start()
    thread.join()
    assert found == [False]
