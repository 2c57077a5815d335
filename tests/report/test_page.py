"""The report: verdict first, everything in one file, and text that stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.figure import Figure

from iluvatar_bench.report import report_page
from iluvatar_bench.report.figures import svg_address
from iluvatar_bench.runs import find_run, open_run
from tests.support.command import command
from tests.support.run_folders import make_run

SCRIPT = "<script>alert('x')</script>"


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def recorded() -> str:
    return report_page([open_run(find_run(name)) for name in ("iluvatar-2022-07", "guarded")])


def test_the_verdict_stands_before_everything_else(recorded: str) -> None:
    body = recorded[recorded.index("<body>") :]
    verdict = body.index(
        "iluvatar-2022-07 36/40 not ok, guarded 0/40 not ok: described, not judged"
    )
    assert verdict < body.index("<h2") < body.index("<table")
    assert "iluvatar-2022-07: 4 of 40 trials without failure" in body
    titles = re.findall(r"<h2 [^>]*>([^<]*)", body)
    assert titles == [
        "Failure rates",
        "What the failures say",
        "Latencies by step",
        "Timelines",
        "Failures in full",
        "Residue",
        "Provenance",
    ]


def test_the_page_needs_nothing_else_and_runs_nothing(recorded: str) -> None:
    page = Tags(recorded)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/svg+xml,")
    # A namespace in an SVG is a name, and those are inside the data; the page itself names none.
    assert "http://" not in recorded and "https://" not in recorded
    (policy,) = [meta for meta in page.all("meta") if meta.get("http-equiv")]
    assert (policy["content"] or "").startswith("default-src 'none'")


def test_what_a_figure_says_in_numbers_is_not_rounded_with_its_places() -> None:
    axes = Figure().subplots()
    axes.plot([0.123456, 1], [0, 1], alpha=0.125)
    axes.set_title("p = 0.0375 & x < y")
    svg = unquote(svg_address(axes))
    assert "p = 0.0375 &amp; x &lt; y" in svg
    assert "0.125" in svg
    assert re.search(r' d="[^"]*[0-9]\.[0-9]{2}', svg) is None
    assert ElementTree.fromstring(svg.partition(",")[2]) is not None


def test_an_observation_has_a_report() -> None:
    page = report_page([open_run(find_run("observed"))])
    assert '<h2 id="failures-in-full"' in page


def test_every_figure_is_described_and_there_for_both_papers(recorded: str) -> None:
    images = Tags(recorded).all("img")
    assert [image["class"] for image in images] == ["light", "dark"] * (len(images) // 2)
    # Rates, differences, steps, two Gantt charts, survival, one trial of each class.
    assert len(images) == 2 * (6 + 4)
    assert all(len((image["alt"] or "").split()) > 8 for image in images)
    light, dark = images[:2]
    assert light["alt"] == dark["alt"]
    assert light["src"] != dark["src"]


def test_numbers_are_those_of_the_runs(recorded: str) -> None:
    for cell in ("<td>36/40  90.0 % [77–96]</td>", "<td>−90.0 [−97.7 – −64.5]</td>"):
        assert cell in recorded
    assert "snapshot_collected 5/5" in recorded
    assert recorded.count("iluvatar-2022-07-20261125T220137928") >= 2


def test_one_run_has_no_comparison(tmp_path: Path) -> None:
    page = report_page([make_run(tmp_path / "one", ok=5)])
    assert "guarded: 5 of 5 trials without failure." in page
    assert "Nothing failed." in page
    assert "against" not in page


def test_two_runs_of_one_profile_are_told_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, ok=5) for name in ("a", "b")]
    page = report_page(runs)
    # By the ids of the runs, which their folders are called by as well.
    assert "guarded (a) 0/5 not ok, guarded (b) 0/5 not ok: described, not judged" in page


def test_runs_are_compared_within_their_workload_and_arrivals_have_their_section() -> None:
    names = ("iluvatar-2022-07", "guarded", "churn-iluvatar-2022-07", "churn-guarded")
    runs = [open_run(find_run(name)) for name in names]
    page = report_page(runs)
    assert len(page.encode()) < 3_000_000
    verdicts = re.findall(r"<h3[^>]*>([^<]* against [^<]*)", page)
    assert verdicts == [
        "guarded, cold-start against iluvatar-2022-07, cold-start",
        "guarded, churn against iluvatar-2022-07, churn",
    ]
    arrivals = page[page.index('<h2 id="arrivals"') : page.index('<h2 id="what-the-failures-say"')]
    for run in runs[2:]:
        assert run.arrivals is not None
        served = (run.arrivals["outcome"] == "ok").sum()
        assert f"<td>{served}</td>" in arrivals
    kinds = [str(image["alt"]).split(":")[0] for image in Tags(arrivals).all("img")]
    assert kinds == ["Points", "Points", "Areas", "Areas", "Steps", "Steps"]
    # A plan's arrivals are in the manifest, not in the page.
    assert f"{len(runs[2].manifest['plan']['arrivals'])} (see manifest.json)" in page


def test_what_weakens_a_comparison_is_said_at_the_top(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", ok=5),
        make_run(tmp_path / "b", {"host": {"cpus": 64}, "status": "interrupted"}, ok=5),
    ]
    page = report_page(runs)
    head = page[: page.index("<main>")]
    assert "Note: cpus differs: 2 and 64." in head
    assert "this run was cut off" in head


def test_text_from_containers_stays_text(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run", {"containerd": {"version": SCRIPT}, "function": SCRIPT}, process_died=3
    )
    run.trials["error"] = SCRIPT
    run.trials["mechanism"] = SCRIPT
    page = report_page([run], title=SCRIPT, links={SCRIPT: 'x"><script>'})
    assert Tags(page).all("script") == []
    assert page.count("&lt;script&gt;") >= 5


def test_memory_is_shown_where_it_was_sampled(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ok=3)
    moments = pd.date_range("2026-01-01", periods=5, freq="1s", tz="UTC")
    frame = pd.DataFrame(
        {"container_id": "c-0", "sampled_at": moments, "rss_bytes": 5 * 2**20, "round": range(5)}
    )
    frame.to_parquet(run.folder / "samples.parquet")
    assert 'id="memory"' in report_page([open_run(run.folder)])
    # Two points make no curve.
    frame[:2].to_parquet(run.folder / "samples.parquet")
    assert 'id="memory"' not in report_page([open_run(run.folder)])
    with pytest.raises(ValueError, match="needs a run"):
        report_page([])


def test_the_command_writes_the_page_and_refuses_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = command("report", "guarded", "--out", str(out), "--title", "A title")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"report: {out}\n")
    assert "<h1>A title</h1>" in out.read_text()
    for code, message, arguments in (
        (2, "no run 'nope'", ["nope"]),
        (1, "cannot write", ["guarded", "--out", str(tmp_path / "no" / "page.html")]),
    ):
        done = command("report", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1)
        assert message in done.stderr


def test_the_first_failure_of_each_class_is_shown_in_full() -> None:
    run = open_run(find_run("monitored"))
    page = report_page([run])
    failed = run.trials[run.trials["outcome"] == "failed"].sort_values("trial")
    first = failed.drop_duplicates("bug_class")
    start, end = page.index('id="failures-in-full"'), page.index('id="memory"')
    titles = re.findall(r"<h3>([^<]*)", page[start:end])
    assert titles == [
        f"{run.label}, trial {row.trial}: {row.bug_class}, {row.mechanism}"
        for row in first.itertuples()
    ]
    images = Tags(page[start:end]).all("img")
    assert [image["class"] for image in images] == ["light", "dark"] * len(first)
    assert all("Failed: " in (image["alt"] or "") for image in images)
    assert all("Failed: no step" not in (image["alt"] or "") for image in images)


def test_no_failure_is_drawn_without_the_times_of_its_steps(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", process_died=3)
    assert "Failures in full" not in report_page([run])
    run.trials["spans"] = "[]"
    assert "Failures in full" not in report_page([run])


def test_memory_is_drawn_where_its_curve_says_something() -> None:
    page = report_page([open_run(find_run("monitored"))])
    assert ">Memory</h2>" in page
    drawn = re.search(r"resident memory of \d+ containers over time.*?; (\d+) deaths marked", page)
    assert drawn is not None
    trials = open_run(find_run("monitored")).trials
    assert int(drawn[1]) <= (trials["outcome"] != "ok").sum()
