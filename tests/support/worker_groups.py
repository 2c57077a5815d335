"""Which tests of a suite run on one worker, one after the other.

The host's addresses are one space, and whoever cleans takes another test's leftovers along before
that one has looked at them. A module whose tests share a daemon or a page is a group as well: every
other worker would make it again.

By the module, and not by xdist's own marks: those it hands on in the identifiers of tests, which
pytest 9.2 does not let it change.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

PROJECT = Path(__file__).resolve().parents[2]


BRIDGES = ("bridge=True", "NetworkSettings(", "own_settings(", "bridged")
CLEANING = (
    *('own_process("clean")', 'command("clean")', '"clean"]', "clean --all"),
    *("remove_abandoned", "remove_outlived", "abandoned_places"),
)


@cache
def _needs_host(module: Path) -> bool:
    """Whether its tests make bridges, or remove what killed owners anywhere on the host left."""
    text = module.read_text()
    return any(word in text for word in BRIDGES + CLEANING)


@cache
def _shares_fixtures(module: Path) -> bool:
    return 'scope="module"' in module.read_text()


def group_of(nodeid: str) -> str:
    """The name that the tests of one group have in common."""
    module = PROJECT / nodeid.partition("::")[0]
    if _needs_host(module):
        return "host"
    return module.stem if _shares_fixtures(module) else nodeid


class OneWorkerAGroup(LoadScopeScheduling):
    """xdist's scheduler of scopes, whose scopes are our groups."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


class GroupWatch:
    """Fails a suite in which a group was spread over workers.

    The groups hang on a hook and a method of xdist that it may rename; without them every test
    still passes, most of the time.
    """

    def __init__(self) -> None:
        self._workers: defaultdict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> OneWorkerAGroup:
        return OneWorkerAGroup(config, log)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # xdist gives it to the reports of its workers (xdist/dsession.py, 3.8).
        worker = getattr(report, "node", None)
        if worker is not None and report.when == "call":
            self._workers[group_of(report.nodeid)].add(worker.gateway.id)

    def spread(self) -> list[str]:
        """The groups that several workers had a part of."""
        return sorted(group for group, workers in self._workers.items() if len(workers) > 1)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.spread():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for group in self.spread():
            terminalreporter.write_line(f"the tests of {group} ran on several workers", red=True)
