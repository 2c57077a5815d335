"""Several checks side by side: the cells' words, the picture's rows, the page's lines."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from iluvatar_bench.report import (
    conformance_rows,
    conformance_table,
    markdown_table,
    unsafe_positions_table,
)


@dataclass(frozen=True)
class Check:
    name: str
    rows: list[tuple[int, str, str, bool]] = field(default_factory=list)
    version: str = "ctr 1"
    containerd: str = "1.6"
    date: str = "2026-01-02"

    @property
    def positions(self) -> pd.DataFrame:
        columns = ["position", "fault", "outcome", "unsafe"]
        frame = pd.DataFrame(self.rows, columns=columns)
        return frame.assign(call="Tasks.Kill {id}", bug_class="b", remedy="do | so", rule="r")


GOOD = Check(
    "good",
    [
        (1, "collection", "safe", False),
        (1, "refused", "failed", False),
        (2, "collection", "safe", False),
        (2, "refused", "not met", False),
    ],
)
BAD = Check(
    "bad",
    [
        (1, "collection", "leaked", True),
        (2, "collection", "lost", True),
        # Repetitions of one position are one position.
        (2, "collection", "safe", False),
        (2, "collection", "lost", True),
        (3, "collection", "safe", False),
        (1, "pause", "not met", False),
    ],
)


def test_a_cell_says_the_worst_and_at_how_many_positions() -> None:
    table = conformance_table([GOOD, BAD])
    assert list(table.columns) == [
        *("client", "version", "containerd", "date"),
        *("collection", "refused", "pause"),
    ]
    assert table.loc[0, ["collection", "refused", "pause"]].to_list() == ["safe", "failed", "–"]
    assert table.loc[1, ["collection", "refused", "pause"]].to_list() == [
        *("lost, 2 of 3", "–", "not met"),
    ]


def test_the_picture_has_a_line_a_client() -> None:
    rows = conformance_rows([GOOD, BAD])
    assert {(row["position"], row["call"]) for row in rows} == {(1, "good"), (2, "bad")}
    assert len(rows) == len(GOOD.rows) + len(BAD.rows)


def test_what_speaks_against_a_client_is_told_once() -> None:
    table = unsafe_positions_table(BAD.positions)
    assert table[["positions", "outcome"]].to_numpy().tolist() == [["1", "leaked"], ["2", "lost"]]
    assert set(table["change"]) == {"do | so"}
    assert unsafe_positions_table(GOOD.positions).empty


def test_a_markdown_table_keeps_a_bar_within_its_cell() -> None:
    text = markdown_table(pd.DataFrame({"a": ["x|y"], "b": [1]}))
    assert text == "| a | b |\n|---|---|\n| x\\|y | 1 |\n"


def test_the_faults_stand_in_the_order_of_the_check_that_tried_most() -> None:
    few = Check("few", [(1, "delay", "safe", False), (1, "pause", "safe", False)])
    many = Check(
        "many", [(1, fault, "safe", False) for fault in ("collection", "pause", "refused", "delay")]
    )
    faults = ["collection", "pause", "refused", "delay"]
    assert list(conformance_table([few, many]).columns[4:]) == faults
    rows = conformance_rows([few, many])
    assert list(dict.fromkeys(row["fault"] for row in rows)) == faults
