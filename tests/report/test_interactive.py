"""What can be browsed in a notebook: the rows of a table, the lives of a run. Drawn elsewhere."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from itertools import combinations
from typing import Any

import pandas as pd
import pytest

from iluvatar_bench.report import browse, interactive_lifecycles
from iluvatar_bench.report.lifecycles_chart import VEGALITE_MIME
from iluvatar_bench.runs import find_run, open_run


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    return open_run(find_run("iluvatar-2022-07")).trials


def rows_of(specification: dict[str, Any]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(specification["data"]["values"]))


def test_every_life_is_a_row_with_its_phases_in_order(trials: pd.DataFrame) -> None:
    bundle = interactive_lifecycles(trials)._repr_mimebundle_()
    rows = rows_of(bundle[VEGALITE_MIME])
    assert bundle["text/plain"].startswith("time line of 40 containers, 36 failed:")
    assert sorted(rows["trial"]) == sorted(trials["trial"])
    for one, other in zip(("begun", "made", "ready"), ("made", "ready", "over"), strict=True):
        assert (rows[one] <= rows[other]).all()
    # Milliseconds of the file against seconds of the table.
    lasted = trials.set_index("trial")["total_ms"] / 1000
    assert (rows.set_index("trial")["ended"] - rows.set_index("trial")["begun"]).to_numpy() == (
        pytest.approx(lasted.loc[rows["trial"]].to_numpy(), abs=0.0011)
    )


def test_no_two_lives_stand_on_one_line_at_once(trials: pd.DataFrame) -> None:
    lives = interactive_lifecycles(trials).lives
    for _, line in lives.groupby("lane"):
        for one, other in combinations(line.to_dict("records"), 2):
            assert one["ended"] <= other["begun"] or other["ended"] <= one["begun"]
    # It was run four at a time.
    assert lives["lane"].nunique() == 4


def test_a_failure_stands_where_its_step_ended(trials: pd.DataFrame) -> None:
    lives = interactive_lifecycles(trials).lives.set_index("trial")
    assert lives["failed"].notna().sum() == 36
    for row in trials[trials["outcome"] == "failed"].to_dict("records"):
        broken = [span for span in json.loads(row["spans"]) if not span["completed"]]
        life = lives.loc[row["trial"]]
        assert life["failed"] - life["begun"] == pytest.approx(broken[0]["ended_ms"] / 1000)


def test_only_so_much_is_drawn_and_it_says_so(trials: pd.DataFrame) -> None:
    chart = interactive_lifecycles(trials, most_bytes=2000)
    shown = len(rows_of(chart.specification))
    assert len(chart.specification["data"]["values"]) <= 2000
    assert 5 < shown < 40
    assert str(chart).endswith(f"(the first; {40 - shown} are left out)")


def test_a_run_without_an_end_is_an_empty_chart(trials: pd.DataFrame) -> None:
    assert str(interactive_lifecycles(trials.head(0))) == "time line of 0 containers, 0 failed"
    unended = trials.assign(total_ms=float("nan"))
    assert rows_of(interactive_lifecycles(unended).specification).empty


def test_a_table_holds_every_row_and_shows_the_first(trials: pd.DataFrame) -> None:
    text = browse(trials)._repr_html_()
    held = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    assert len(held["rows"]) == 40
    assert not {"evidence", "spans"} & set(held["columns"])
    at = held["columns"].index("outcome")
    assert [row[at] for row in held["rows"]] == list(trials["outcome"])
    table = ET.fromstring(text[text.index("<table>") : text.index("</table>") + 8])
    assert len(list(table.iterfind(".//tbody/tr"))) == 20
    assert [button.text for button in table.iterfind(".//th/button")] == held["columns"]


def test_what_cells_hold_ends_no_script() -> None:
    frame = pd.DataFrame({"<b>": ["</script><script>alert(1)</script>", None], "n": [1.5, None]})
    text = browse(frame)._repr_html_()
    assert text.count("<script") == 2 and text.count("</script>") == 2
    held = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    assert held["rows"] == [["</script><script>alert(1)</script>", 1.5], [None, None]]
    assert "<button>&lt;b&gt;</button>" in text


def test_a_long_table_says_what_it_leaves_out() -> None:
    table = browse(pd.DataFrame({"n": range(1000)}), most_bytes=500)
    shown = len(table.frame)
    assert 100 < shown < 1000
    assert f"{1000 - shown} rows more are not in this table" in table._repr_html_()
