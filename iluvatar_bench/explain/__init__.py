"""The story of one failure: what happened when, what proves its cause, what would prevent it."""

from iluvatar_bench.explain.autopsy import Autopsy, explain_trial
from iluvatar_bench.explain.failed_trials import failed_groups, failed_trials
from iluvatar_bench.explain.live import explain_container

__all__ = ["Autopsy", "explain_container", "explain_trial", "failed_groups", "failed_trials"]
