"""Each kind of figure, drawn of recorded data, with the call that draws it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.commands.figure import figure_command
from iluvatar_bench.report.figure_names import FIGURE_NAMES

FOLDER = "figures"
"""Beside the page."""

_OF = {
    "client_rates": "observed",
    "failure_rates": "iluvatar-2022-07 guarded",
    "differences": "iluvatar-2022-07 guarded",
    "effects": "root-cause",
    "steps": "iluvatar-2022-07 guarded",
    "lifecycles": "iluvatar-2022-07",
    "survival": "iluvatar-2022-07 guarded",
    "memory": "monitored",
    "timeline": "iluvatar-2022-07",
    "arrivals": "churn-iluvatar-2022-07 churn-guarded",
    "occupancy": "churn-iluvatar-2022-07 churn-guarded",
    "latency": "churn-iluvatar-2022-07 churn-guarded",
    "kills": "observed",
    "left_behind": "observed",
    "fault_matrix": "ctr-run",
    "dose": "data/tables/dose_response/dose-start_delay_ms.csv",
    "burstiness": "data/tables/replay/burstiness.csv",
}
"""The recorded data that show a kind best; a kind that is new is drawn of the first."""

_OF_FOLDERS = {
    "fault_matrix": "a client under `check`: positions down, faults across",
    "dose": "rates over the doses of a quantity, beside the model",
    "burstiness": "how bursty a trace is over short windows and long ones, and its replay",
}


@dataclass(frozen=True, slots=True)
class GalleryFigure:
    """One kind: what it is for, and the words of the call that draws it."""

    kind: str
    purpose: str
    of: str

    @property
    def call(self) -> str:
        """What is typed to draw it."""
        return f"iluvatar-bench figure {self.of} {self.kind} --out {self.kind}.svg"


def gallery() -> tuple[GalleryFigure, ...]:
    """Every kind that ``figure`` knows."""
    kinds = {**FIGURE_NAMES, **_OF_FOLDERS}
    return tuple(
        GalleryFigure(kind, purpose, _OF.get(kind, "iluvatar-2022-07"))
        for kind, purpose in kinds.items()
    )


def draw_gallery(folder: Path) -> None:
    """Draw each into the folder, where it is not there yet."""
    for one in gallery():
        path = folder / FOLDER / f"{one.kind}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            figure_command([*one.of.split(), one.kind], output=path)


def gallery_sections(*, drawn: bool) -> str:
    """A heading for each kind, the figure, what it is for, and the call."""
    parts = []
    for one in gallery():
        image = f"![{one.purpose}]({FOLDER}/{one.kind}.png)\n\n" if drawn else ""
        parts.append(
            f"## `{one.kind}`\n\n{one.purpose[:1].upper()}{one.purpose[1:]}.\n\n{image}"
            f"```sh\n{one.call}\n```\n"
        )
    return "\n".join(parts)
