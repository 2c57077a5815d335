"""What the harness itself costs: the poller, networks and invocations, reading logs, each call."""

from iluvatar_bench.benchmarks.client_overhead import Overhead, measure_overhead, read_overhead
from iluvatar_bench.benchmarks.overhead_targets import call_table, rate_table, target_table

__all__ = [
    "Overhead",
    "call_table",
    "measure_overhead",
    "rate_table",
    "read_overhead",
    "target_table",
]
