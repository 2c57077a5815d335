"""Worker and containerd logs into failures: for a site that has logs and no experiment.

Figures and HTML are in :mod:`iluvatar_bench.worker_logs.show`, apart because of what they import.
"""

from iluvatar_bench.worker_logs.log_report import LogReport
from iluvatar_bench.worker_logs.scan import read, scan
from iluvatar_bench.worker_logs.summary import failure_counts, timeline

__all__ = ["LogReport", "failure_counts", "read", "scan", "timeline"]
