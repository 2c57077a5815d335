"""Worker and containerd logs into failures: for a site that has logs and no experiment."""

from iluvatar_bench.worker_logs.frames import LogReport
from iluvatar_bench.worker_logs.scan import read, scan

__all__ = ["LogReport", "read", "scan"]
