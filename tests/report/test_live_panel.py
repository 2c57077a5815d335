"""What a run shows of itself while it goes, from what it tells and a clock that the test turns."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iluvatar_bench.host.stop_signals import stop_on_signals
from iluvatar_bench.records import LiveStep, Outcome, Span, Trial
from iluvatar_bench.report import live_panel
from iluvatar_bench.report.live_html import MOST_LANES, live_html, live_text
from iluvatar_bench.report.live_run import LiveRun


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun(run: LiveRun, number: int, *steps: str) -> None:
    for step in steps or ("submitted",):
        run.step(LiveStep(trial=number, container_id=f"c-{number}", function="hello", step=step))


def ended(number: int, outcome: str = "ok", **more: Any) -> Trial:
    return Trial(
        run_id="r",
        trial=number,
        container_id=f"c-{number}",
        profile="guarded",
        factors={},
        function="hello",
        submitted_at="2026-11-29T00:00:00+00:00",
        outcome=Outcome(outcome),
        **more,
    )


def failed(number: int, **more: Any) -> Trial:
    facts = {"bug_class": "process_died", "mechanism": "collateral_kill", "error": "it died"}
    return ended(number, "failed", **{**facts, **more})


def page(run: LiveRun) -> ET.Element:
    return ET.fromstring(live_html(run).replace("&nbsp;", " "))


def bars(run: LiveRun) -> list[tuple[str, float, float]]:
    """Each bar of the time line: its phase, where it begins, how long it is."""
    paths = page(run).iterfind(".//svg/path[@class]")
    return [
        (path.attrib["class"], float(found[1]), float(found[2]))
        for path in paths
        for found in re.finditer(r"M([0-9.]+) [0-9]+h([0-9.]+)", path.attrib["d"])
    ]


def test_how_long_the_rest_takes_is_the_pace_until_now() -> None:
    clock = Clock()
    run = LiveRun(total=40, clock=clock)
    assert live_text(run) == "0 of 40 containers, being set up: 0 ok"
    clock.now += 100  # Setting up does not count.
    begun(run, 0)
    assert live_text(run) == "0 of 40 containers, 1 alive: 0 ok"
    clock.now += 6
    run.trial(ended(0))
    begun(run, 1)
    clock.now += 2
    run.trial(failed(1))
    # Two in eight seconds: 38 more take 152.
    assert live_text(run) == (
        "2 of 40 containers, 0 alive, about 3 min left: 1 ok, 1 failed, 1 process_died"
    )
    assert live_text(run, state="stopped").startswith("2 of 40 containers, stopped: ")


def test_rates_have_their_intervals_and_the_last_failures_their_cause() -> None:
    run = LiveRun(total=40, clock=Clock())
    for number in range(40):
        run.trial(failed(number) if number < 9 else ended(number))
    text = live_html(run)
    # Wilson's interval of 9 of 40, as in the README's tables.
    assert '<td style="text-align:left">9/40  22.5 % [12–38]</td>' in text
    items = [item.text for item in page(run).iterfind(".//li/b")]
    assert items == [f"trial {n}: process_died (collateral_kill)" for n in (8, 7, 6, 5, 4)]


def test_what_a_container_says_stays_text() -> None:
    run = LiveRun(total=1, clock=Clock())
    begun(run, 0)
    run.trial(failed(0, error="first\n<script>alert(1)</script>" + 300 * "x"))
    assert "<script>" not in live_html(run)
    (item,) = page(run).iterfind(".//li")
    told = "".join(item.itertext())
    assert "first" not in told, "the last line says what is wrong"
    assert told.endswith("x …")
    assert "<script>alert(1)</script>" in told


def test_the_time_line_moves_and_forgets() -> None:
    clock = Clock()
    run = LiveRun(total=3, clock=clock)
    begun(run, 0, "submitted", "create", "ready", "alive")
    clock.now += 3
    (bar,) = bars(run)
    # 704 units are 30 s; what began 3 s ago is a tenth of them from the right end.
    assert bar == ("alive", pytest.approx(8 + 704 * 0.9, abs=0.1), pytest.approx(70.4, abs=0.1))
    clock.now += 12
    run.trial(ended(0))
    (bar,) = bars(run)
    assert bar[2] == pytest.approx(352, abs=0.1)
    clock.now += 10
    (moved,) = bars(run)
    assert moved[1:] == (pytest.approx(bar[1] - 704 / 3, abs=0.1), bar[2])
    clock.now += 21
    assert page(run).find(".//svg") is None


def test_a_failure_is_marked_where_its_step_ended() -> None:
    clock = Clock()
    run = LiveRun(total=1, clock=clock)
    begun(run, 0, "submitted", "create", "ready")
    clock.now += 15
    spans = (
        Span(name="create", started_ms=0, ended_ms=500, completed=True),
        Span(name="ready", started_ms=500, ended_ms=7500, completed=False),
        Span(name="kill", started_ms=14000, ended_ms=14010, completed=True),
    )
    run.trial(failed(0, spans=spans))
    edge, cross = (p for p in page(run).iterfind(".//svg/path") if "l9 9" in p.attrib["d"])
    # 7.5 s after it began, which was 15 s ago: three quarters of the way; the arm is 4.5 wide.
    assert cross.attrib["d"].startswith(f"M{8 + 704 * 0.75 - 4.5:.1f} ")
    assert cross.attrib["d"] == edge.attrib["d"]
    assert [title.text for title in cross] == ["c-0: process_died"]


def test_who_lives_has_a_line_of_its_own_and_gives_it_back() -> None:
    run = LiveRun(total=9, clock=Clock())
    for number in range(3):
        begun(run, number)
    run.trial(ended(1))
    begun(run, 3)
    assert {life.container_id: life.lane for life in run.living.values()} == {
        "c-0": 0,
        "c-2": 2,
        "c-3": 1,
    }


def test_more_lines_than_there_is_room_for_are_counted() -> None:
    clock = Clock()
    run = LiveRun(total=50, clock=clock)
    for number in range(MOST_LANES + 5):
        begun(run, number)
    clock.now += 5
    assert len(bars(run)) == MOST_LANES
    assert "5 containers on further lines are not drawn" in live_html(run)


def test_of_a_run_that_tells_no_steps_the_ended_are_shown() -> None:
    clock = Clock()
    run = LiveRun(total=2, clock=clock)
    spans = (
        Span(name="create", started_ms=0, ended_ms=4000, completed=True),
        Span(name="alive", started_ms=4000, ended_ms=9000, completed=True),
    )
    run.trial(ended(0, spans=spans, total_ms=10_000.0))
    assert [bar[0] for bar in bars(run)] == ["create", "alive"]
    assert [bar[2] for bar in bars(run)] == pytest.approx([704 * 4 / 30, 704 * 6 / 30], abs=0.1)
    assert run.living == {}


def test_without_a_front_end_it_is_a_bar_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    async def show() -> None:
        with stop_on_signals() as stop, live_panel(2, stop=stop) as panel:
            panel.step(LiveStep(trial=0, container_id="c-0", function="hello", step="submitted"))
            panel.trial(ended(0))
            panel.trial(failed(1))
        with stop_on_signals() as stop, live_panel(5, stop=stop, unit="arrivals") as panel:
            panel.trial(failed(1))
            panel.arrival(None)  # type: ignore[arg-type]

    asyncio.run(show())
    text = capsys.readouterr().out
    assert "2/2" in text and "1 ok, 1 process_died" in text
    assert "1/5" in text and "containers: 1 process_died" in text


@contextmanager
def cell_of_a_front_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A kernel's shell under way with a cell that JupyterLab has sent; gives what it displays."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()

    class Kernel:
        def get_parent(self, _: str) -> dict[str, Any]:
            return {"metadata": {"cellId": "1"}}

    monkeypatch.setattr(shell, "kernel", Kernel(), raising=False)
    outputs: list[dict[str, Any]] = []
    try:
        with capture_output() as captured:
            yield outputs
        outputs.extend(output.data for output in captured.outputs)
    finally:
        InteractiveShell.clear_instance()


def test_in_a_front_end_it_is_a_widget_and_at_last_plain_html(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def show() -> None:
        with stop_on_signals() as stop, live_panel(2, stop=stop) as panel:
            panel.trial(failed(0))
            stop.ask()
            await stop.wait()

    with cell_of_a_front_end(monkeypatch) as outputs:
        asyncio.run(show())
    first, last = outputs[0], outputs[-1]
    assert "application/vnd.jupyter.widget-view+json" in first
    assert last["text/plain"].startswith("1 of 2 containers, stopped: 0 ok, 1 failed")
    assert "1 of 2 containers, stopped" in last["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in last
