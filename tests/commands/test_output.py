"""Tables fit the terminal or wrap: nothing is cut, whatever is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from iluvatar_bench.commands import output
from iluvatar_bench.report import comparison_table, difference_table
from iluvatar_bench.runs import find_run, open_run
from iluvatar_bench.stats import compare_runs

Show = Callable[[], None]


def shown(show: Show, *, width: int | None) -> str:
    """What is written to a terminal of this width; None: to a pipe."""
    written = StringIO()
    terminal = Console(
        file=written,
        force_terminal=width is not None,
        width=width or 80,
        color_system=None,
        highlight=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "out", terminal)
        show()
    return written.getvalue()


def letters(text: str) -> Counter[str]:
    """All but white space, which wrapping moves: wrapped cells stand beside each other."""
    return Counter("".join(text.split()))


def require_whole(text: str, cells: Sequence[Sequence[str]], *, width: int) -> None:
    assert max(map(cell_len, text.splitlines()), default=0) <= width
    assert letters("".join(map("".join, cells))) <= letters(text)
    assert "…" not in text


WORDS = st.text(st.sampled_from("ab–%0 [/]é中"), max_size=40)


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(WORDS, min_size=n, max_size=n), min_size=2, max_size=6)
    ),
    st.integers(30, 120),
)
def test_no_line_is_wider_than_the_terminal_and_no_letter_is_lost(
    rows: list[list[str]], width: int
) -> None:
    header, *cells = rows
    text = shown(lambda: output.print_rows(header, cells), width=width)
    require_whole(text, rows, width=width)
    text = shown(lambda: output.print_rows((), rows), width=width)
    require_whole(text, rows, width=width)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_tables_of_a_run_and_of_two_fit_or_wrap(width: int) -> None:
    runs = [open_run(find_run(name)) for name in ("churn-iluvatar-2022-07", "guarded")]
    compared = compare_runs(*runs, force=True)
    for frame in (
        comparison_table(pd.concat([run.rates for run in runs])),
        difference_table(compared.table, names=compared.names),
    ):
        text = shown(lambda frame=frame: output.print_table(frame), width=width)
        require_whole(text, frame.reset_index().astype(str).to_numpy().tolist(), width=width)


def test_in_a_pipe_every_row_is_one_line_however_long() -> None:
    rows = [["a" * 200, "b\nc"], ["d", "e"]]
    text = shown(lambda: output.print_rows(("one", "two"), rows), width=None)
    assert [line.split() for line in text.splitlines()] == [
        ["one", "two"],
        ["a" * 200, "b", "c"],
        ["d", "e"],
    ]
