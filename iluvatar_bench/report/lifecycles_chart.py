"""An interactive time line of container lifecycles, for runs of thousands.

It is a Vega-Lite specification: JupyterLab draws it with the Vega that it brings along (JupyterLab
4 knows version 5 of Vega-Lite), so that a notebook holds the data alone, and nothing is fetched.
Each container is one line of CSV, on the lowest line of the chart that is free for its life.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iluvatar_bench.report.life_phases import FAILED_COLOUR, PHASE_COLOURS, PHASES

VEGALITE_MIME = "application/vnd.vegalite.v5+json"

MOST_BYTES = 700_000
"""Of data, so that a notebook with it stays below a megabyte; about 5,700 containers."""

_BOUNDS = {
    "create": ("begun", "made"),
    "start-up": ("made", "ready"),
    "alive": ("ready", "over"),
    "remove": ("removal", "ended"),
}
"""The columns between which a phase stands."""


@dataclass(frozen=True, slots=True)
class LifecyclesChart:
    """Shows itself in JupyterLab; ``lives`` is what it shows, ``left_out`` how many it does not.

    ``lives`` has a row a container: trial, container, lane, the bounds of its phases (seconds since
    the first submit), failed (likewise; NaN unless it did), outcome, bug_class, mechanism.
    """

    lives: pd.DataFrame
    left_out: int = 0

    @property
    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite, version 5."""
        lanes = int(self.lives["lane"].max()) + 1 if len(self.lives) else 1
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "usermeta": {
                "embedOptions": {
                    "actions": {"export": True, "source": False, "compiled": False, "editor": False}
                }
            },
            "title": {"text": str(self), "anchor": "start", "fontSize": 12},
            "width": 820,
            "height": min(600, max(60, 14 * lanes)),
            "data": {"values": _csv(self.lives), "format": {"type": "csv", "parse": _PARSED}},
            "layer": [*(_phase(name) for name in PHASES), _failures()],
            "resolve": {"scale": {"shape": "independent"}},
        }

    def __str__(self) -> str:
        failed = int((self.lives["outcome"] == "failed").sum())
        told = f"time line of {len(self.lives)} containers, {failed} failed"
        return f"{told} (the first; {self.left_out} are left out)" if self.left_out else told

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """For notebooks."""
        return {
            VEGALITE_MIME: self.specification,
            "text/plain": f"{self}: JupyterLab shows it, to be zoomed and pointed at",
        }


def interactive_lifecycles(
    trials: pd.DataFrame, *, most_bytes: int = MOST_BYTES
) -> LifecyclesChart:
    """Who lived beside whom, to be zoomed, moved and pointed at.

    Args:
        trials: one row a trial, as ``plot_lifecycles`` takes them; those without a total are left
            out.
        most_bytes: of the chart's data; of more containers the first are shown.
    """
    known = trials[trials["total_ms"].notna()].copy()
    known["submitted_at"] = pd.to_datetime(known["submitted_at"], utc=True, format="ISO8601")
    lives = _lives(known.sort_values("submitted_at", kind="stable", ignore_index=True))
    text = _csv(lives)
    if len(text) <= most_bytes:
        return LifecyclesChart(lives)
    shown = lives.head(text[:most_bytes].count("\n") - 1)
    return LifecyclesChart(shown, len(lives) - len(shown))


def _csv(lives: pd.DataFrame) -> str:
    return lives.to_csv(index=False, float_format="%.3f")


def _lives(known: pd.DataFrame) -> pd.DataFrame:
    begun = (known["submitted_at"] - known["submitted_at"].min()).dt.total_seconds().to_numpy()
    ended = begun + known["total_ms"].to_numpy(dtype=np.float64) / 1000
    lasted = {name: _seconds(known, steps) for name, steps in PHASES.items()}
    made = begun + lasted["create"]
    ready = made + lasted["start-up"]
    over = ready + lasted["alive"]
    failed = known["outcome"].to_numpy() == "failed"
    return pd.DataFrame(
        {
            "trial": known["trial"],
            "container": known["container_id"],
            "lane": _lanes(begun, ended),
            "begun": begun,
            "made": made,
            "ready": ready,
            "over": over,
            "removal": ended - lasted["remove"],
            "ended": ended,
            "failed": np.where(failed, np.minimum(begun + _failed_after(known), ended), np.nan),
            "outcome": known["outcome"],
            "bug_class": known["bug_class"],
            "mechanism": known["mechanism"],
        }
    )


def _seconds(known: pd.DataFrame, steps: tuple[str, ...]) -> np.ndarray[Any, Any]:
    present = [step for step in steps if step in known]
    return known[present].sum(axis=1).to_numpy(dtype=np.float64) / 1000


def _failed_after(known: pd.DataFrame) -> np.ndarray[Any, Any]:
    """How long after its submit each failed, seconds: at the end of the first step that did."""
    totals = known["total_ms"].to_numpy(dtype=np.float64) / 1000
    if "spans" not in known:
        return totals
    found = [_first_failed_ms(text) for text in known["spans"]]
    return np.array([t if ms is None else ms / 1000 for ms, t in zip(found, totals, strict=True)])


def _first_failed_ms(text: object) -> float | None:
    spans = json.loads(text) if isinstance(text, str) else []
    return next((float(span["ended_ms"]) for span in spans if not span["completed"]), None)


def _lanes(begun: np.ndarray[Any, Any], ended: np.ndarray[Any, Any]) -> list[int]:
    """For each life the lowest line that nobody is on; lives are in the order of beginnings."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes: list[int] = []
    for begin, end in zip(begun, ended, strict=True):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (float(end), lane))
        lanes.append(lane)
    return lanes


_TIMES = ("begun", "made", "ready", "over", "removal", "ended", "failed")
_PARSED = dict.fromkeys(("trial", "lane", *_TIMES), "number")

_LANE: Mapping[str, Any] = {
    "field": "lane",
    "type": "ordinal",
    "axis": {"labels": False, "ticks": False, "title": "containers side by side"},
}

_TOLD = [
    {"field": "container", "title": "container"},
    {"field": "trial", "title": "trial"},
    {"field": "outcome", "title": "outcome"},
    {"field": "bug_class", "title": "bug class"},
    {"field": "mechanism", "title": "mechanism"},
    {"field": "begun", "title": "submitted, s", "type": "quantitative", "format": ".3f"},
    {"field": "ended", "title": "removed, s", "type": "quantitative", "format": ".3f"},
]


def _phase(name: str) -> dict[str, Any]:
    begin, end = _BOUNDS[name]
    layer: dict[str, Any] = {
        "mark": {"type": "bar", "height": {"band": 0.8}},
        "encoding": {
            "x": {
                "field": begin,
                "type": "quantitative",
                "title": "time since the first submit, s",
            },
            "x2": {"field": end},
            "y": _LANE,
            "color": {
                "datum": name,
                "scale": {"domain": list(PHASES), "range": list(PHASE_COLOURS.values())},
                "legend": {"title": "phase", "orient": "top"},
            },
            "tooltip": _TOLD,
        },
    }
    if name == "create":
        # The wheel zooms time and a drag moves it; one layer carries it for all.
        layer["params"] = [
            {"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"}
        ]
    return layer


def _failures() -> dict[str, Any]:
    """A mark a failure, its form by class; a click on the legend leaves one class bright."""
    return {
        "transform": [{"filter": "isValid(datum.failed)"}],
        "params": [
            {
                # "class" would be a word of the expressions that Vega makes of it.
                "name": "chosen",
                "select": {"type": "point", "fields": ["bug_class"]},
                "bind": "legend",
            }
        ],
        "mark": {
            "type": "point",
            "filled": True,
            "size": 70,
            "color": FAILED_COLOUR,
            "stroke": "#222222",
            "strokeWidth": 0.7,
        },
        "encoding": {
            "x": {"field": "failed", "type": "quantitative"},
            "y": _LANE,
            "shape": {
                "field": "bug_class",
                "type": "nominal",
                "legend": {"title": "failed, by class", "orient": "top"},
            },
            "opacity": {"condition": {"param": "chosen", "value": 1}, "value": 0.1},
            "tooltip": _TOLD,
        },
    }
