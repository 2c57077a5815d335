"""Worker and containerd logs into failures: for a site that has logs and no experiment."""

from iluvatar_bench.worker_logs.frames import LogReport
from iluvatar_bench.worker_logs.scan import read, scan
from iluvatar_bench.worker_logs.show import as_html, class_figure, timeline_figure
from iluvatar_bench.worker_logs.summary import failure_counts, timeline

__all__ = [
    "LogReport",
    "as_html",
    "class_figure",
    "failure_counts",
    "read",
    "scan",
    "timeline",
    "timeline_figure",
]
