"""A client's calls as text, page and sequence diagram; what a picture must not do."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from iluvatar_bench.clients.call_facts import facts_of
from iluvatar_bench.containerd.proxy.call_log import JOURNAL, TABLE, CallLog, write_calls
from iluvatar_bench.report import DARK, alt_text, drawn_in, plot_sequence
from iluvatar_bench.report.call_facts_text import call_facts_text
from iluvatar_bench.report.call_page import MOST_CONTAINERS, call_page
from iluvatar_bench.report.call_rows import MOST_ROWS, rows_of
from tests.support.client_calls import Recording, guarded
from tests.support.command import command

LONG = "lease-with-a-name-that-is-longer-than-any-column-0123456789"


def late(name: str = "c", *, polls: int = 0) -> Recording:
    """A lease that ends too early, a record that comes late, and any number of other calls."""
    recording = Recording().lease(LONG).prepare(name, lease=LONG).unlease(LONG).record(name)
    recording.add(
        "Containers.Update",
        id=name,
        snapshotter="overlayfs",
        snapshot_key=name,
        fields=["snapshot_key"],
    )
    recording.task(name, name).start(name)
    for _ in range(polls):
        recording.add("Tasks.Get", container_id=name)
    recording.delete(name, status="UNKNOWN").kill(name).delete(name)
    return recording.remove(name).forget(name)


def test_the_text_says_what_is_broken_what_it_can_become_and_what_to_change() -> None:
    calls = late().calls
    text = call_facts_text(facts_of(calls), len(calls))
    assert text.splitlines()[0] == "12 calls, 1 container: 1 rule broken, 1 container endangered."
    assert "BROKEN  lease_ended_early, once, for 18 ms" in text
    assert "#3 Leases.Delete let lease" in text
    assert "can become: snapshot_overlay, missing_packages" in text
    assert "change:     Leases.Delete after Containers.Create" in text
    safe = call_facts_text(facts_of(guarded().calls), 10)
    assert safe == "10 calls, 1 container: none by which a container can be lost."


@pytest.mark.parametrize("polls", [0, 29, 388])
def test_no_two_labels_of_a_sequence_overlap(polls: int) -> None:
    calls = late(polls=polls).calls
    facts = facts_of(calls)
    axes = plot_sequence(calls, facts.containers[0], facts.facts)
    figure = axes.get_figure()
    assert figure is not None
    canvas = FigureCanvasAgg(figure)  # type: ignore[arg-type]
    canvas.draw()
    boxes = [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in axes.texts
        if text.get_rotation() == 0 and text.get_text()
    ]
    assert len(boxes) > 20
    for (one, left), (other, right) in combinations(boxes, 2):
        assert not left.overlaps(right), (one, other)
    width, height = figure.get_size_inches()  # type: ignore[union-attr]
    assert width < 12
    assert height < 16


def test_bars_and_windows_lie_at_their_calls() -> None:
    calls = late().calls
    facts = facts_of(calls)
    axes = plot_sequence(calls, facts.containers[0], facts.facts)
    bars = [
        (round(patch.get_y(), 2), round(patch.get_y() + patch.get_height(), 2))
        for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_hatch() is not None
    ]
    # Rows are 10 ms apart: the lease from row 1 to the end of row 2's call (2 ms), the record
    # from row 4 to the removal's end in row 10, and between them the window.
    assert bars == [(1, 2.2), (4, 10.2), (2.2, 4)]
    assert "1 windows in which nothing held it, the longest 18 ms" in alt_text(axes)
    with drawn_in(DARK):
        assert plot_sequence(calls, facts.containers[0]).patches


def test_many_calls_are_folded_and_those_of_facts_are_not() -> None:
    calls = late(polls=388).calls
    facts = facts_of(calls)
    rows = rows_of(calls, facts.containers[0], facts.facts)
    assert len(rows) < MOST_ROWS
    assert sum(len(row.calls) for row in rows) == len(calls) == 400
    folded = [row for row in rows if row.folded]
    assert [row.number for row in folded] == ["8–395"]
    assert folded[0].text.startswith("… 388 × Tasks.Get")
    whole = rows_of(calls[:20], facts.containers[0], facts.facts)
    assert [row.number for row in whole] == [str(number) for number in range(1, 21)]
    assert [row.problem for row in rows if row.problem] == ["UNKNOWN"]


def test_a_page_of_many_containers_draws_those_in_danger() -> None:
    recordings = [late("c9") if n == 9 else guarded(f"c{n}") for n in range(10)]
    calls = [each for recording in recordings for each in recording.calls]
    calls = [
        replace(
            each,
            number=position,
            started_ns=position * 10_000_000,
            ended_ns=position * 10_000_000 + 2_000_000,
        )
        for position, each in enumerate(calls, start=1)
    ]
    page = call_page(calls, facts_of(calls))
    assert page.count('<img class="light"') == MOST_CONTAINERS
    assert "<h3>ns/c9</h3>" in page
    assert "<h3>ns/c8</h3>" not in page
    assert "6 of 10 containers are drawn" in page
    assert 'class="verdict worse"' in page


def test_names_of_clients_stay_text() -> None:
    calls = late("<script>alert(1)</script>$x^2$").calls
    page = call_page(calls, facts_of(calls), title="<b>")
    assert "<script>" not in page
    assert "<b>" not in page


def test_a_recording_is_reported_by_the_command(tmp_path: Path) -> None:
    write_calls(tmp_path / TABLE, (each.as_row() for each in late().calls))
    done = command("proxy", "--report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "BROKEN  lease_ended_early" in done.stdout
    assert (tmp_path / "calls.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "sequence-1.png").read_bytes().startswith(b"\x89PNG")
    as_json = command("proxy", "--report", str(tmp_path), "--json")
    assert '"lease_ended_early"' in as_json.stdout


def test_the_journal_of_a_proxy_that_still_runs_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    with CallLog(folder) as log:
        for each in late().calls:
            log.append(each)
        with (folder / JOURNAL).open("a") as journal:
            # What is being written as it is read.
            journal.write('{"number": 99, "meth')
        done = command("proxy", "--report", str(folder), "--json")
        assert not (folder / TABLE).exists()
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["calls"] == len(late().calls)
    assert "lease_ended_early" in {fact["rule"] for fact in document["facts"]}


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        ((), "--listen SOCKET makes a recording", 2),
        (("--report", "x", "--listen", "y"), "--report reads a recording", 2),
        (("--report", "nowhere"), "nowhere holds no recording", 1),
    ],
)
def test_a_report_that_cannot_be_is_one_line(
    arguments: tuple[str, ...], said: str, status: int, tmp_path: Path
) -> None:
    done = command("proxy", *arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_table_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text("rubbish")
    done = command("proxy", "--report", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
