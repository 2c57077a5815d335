"""The story of one failure: what happened when, what proves its cause, what would prevent it."""

from iluvatar_bench.explain.autopsy import Autopsy, explain

__all__ = ["Autopsy", "explain"]
