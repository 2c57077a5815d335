"""Worker and containerd logs into failures: for a site that has logs and no experiment.

pandas is imported where a frame is made: whoever follows a log for a month does without.
"""

from iluvatar_bench.worker_logs.log_report import LogReport
from iluvatar_bench.worker_logs.of_trials import logs_of_trials
from iluvatar_bench.worker_logs.scan import read, scan
from iluvatar_bench.worker_logs.summary import failure_counts, timeline

__all__ = ["LogReport", "failure_counts", "logs_of_trials", "read", "scan", "timeline"]
