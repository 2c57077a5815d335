"""One self-contained HTML page that compares profiles."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 0.9rem; }
td { overflow-wrap: break-word; } tbody td:first-child { font-weight: 600; }
.texts td:nth-child(n+4) { overflow-wrap: anywhere; min-width: 18rem; }
th, td { border-bottom: 1px solid #ddd; padding: 0.35rem 0.7rem; text-align: left;
         vertical-align: top; }
thead th { border-bottom: 2px solid #555; }
img { max-width: 100%; }
.scroll { overflow-x: auto; }
.quiet { color: #666; font-size: 0.9rem; }
code { background: #f3f3f3; padding: 0 0.2rem; overflow-wrap: anywhere; }
"""


def comparison_page(
    *,
    title: str,
    summary: str,
    table: pd.DataFrame,
    figure: Figure,
    examples: pd.DataFrame,
    manifests: Mapping[str, Mapping[str, Any]],
    links: Mapping[str, str],
) -> str:
    """The page as text. Everything that came from a container or a log is shown as text.

    Args:
        table: ``comparison_table``.
        examples: ``failure_examples``, of all runs together.
        manifests: run id to manifest.
        links: label to relative address.
    """
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1><p>{html.escape(summary)}</p>",
        "<h2>Failures per bug class</h2>",
        f'<div class="scroll">{_table(table.reset_index())}</div>',
        '<p class="quiet">A cell: count/trials, rate in percent and its 95 % Wilson interval; '
        "for none, the highest rate that the trials leave plausible (one-sided, 95 %). A trial has "
        "one class: a container that cannot be mounted cannot be killed later, so the classes mask "
        "each other. This is a stress workload, made to show causes; compare the profiles, and do "
        "not read the rates as those of a worker in the field.</p>",
        _image(figure, "Bars: failure rate per bug class and profile, with intervals"),
        "<h2>One failure of each class, and what proves its cause</h2>",
        f'<div class="scroll texts">{_table(examples)}</div>'
        if len(examples)
        else "<p>Nothing failed.</p>",
        "<h2>Where this was measured</h2>",
        f'<div class="scroll">{_table(_hosts(manifests).reset_index())}</div>',
        "<h2>Files</h2><ul>",
        *(
            f'<li><a href="{html.escape(address, quote=True)}">{html.escape(label)}</a></li>'
            for label, address in links.items()
        ),
        "</ul></body></html>",
    ]
    return "\n".join(parts)


def _table(frame: pd.DataFrame) -> str:
    return frame.to_html(escape=True, border=0, max_rows=None, index=False)


def _image(figure: Figure, description: str) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">'


def _hosts(manifests: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    rows = {
        run_id: {
            "containerd": manifest["containerd"]["version"],
            **{
                name: manifest["host"].get(name)
                for name in ("runc", "kernel", "cgroup_mode", "cpus", "git_revision")
            },
            "seed": manifest["plan"]["seed"],
            "concurrency": manifest["plan"]["concurrency"],
        }
        for run_id, manifest in manifests.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
