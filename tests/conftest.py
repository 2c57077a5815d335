"""What several tests need: a real daemon where there is one, and a word on why not otherwise."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.functions import (
    BuildOptions,
    BuiltImage,
    build_image,
    daemon_with,
    load_function,
)
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from tests.support.quick_profiles import QUICK
from tests.support.worker_groups import GroupWatch

# How long one example takes is the machine's business: a timed test fails beside other work. So is
# how long the first examples take to be drawn, which hypothesis limits to 30 s by the clock.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


def _lacking() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    for program in ("containerd", "runc"):
        if shutil.which(program) is None:
            return f"needs {program}"
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach the commands that tests start, and find out which files ``-k`` can mean.

    A shell starts background commands with SIGINT ignored, and their children inherit that: a test
    that interrupts one would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # nohup ignores it, and a run rightly leaves it so.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.stash[CHOSEN] = files_with(config.option.keyword)
    config.pluginmanager.register(GroupWatch())


CHOSEN = pytest.StashKey[set[Path]]()
"""The files that ``-k`` is about; empty: all."""


def files_with(keyword: str) -> set[Path]:
    """The test files that have a word of the expression in their path or text.

    Importing every test module takes ten seconds and more, and a few words are looked for to be
    seen at once. A word may also stand in no file, as one that a parameter makes: then, and where
    the expression excludes something, all files count.
    """
    words = re.findall(r"[^\s()]+", keyword)
    if not words or "not" in words:
        return set()
    words = [word.lower() for word in words if word not in ("and", "or")]
    home = Path(__file__).parent
    texts = {path: f"{path}{path.read_text()}".lower() for path in home.rglob("test_*.py")}
    if not all(any(word in text for text in texts.values()) for word in words):
        return set()
    return {path for path, text in texts.items() if any(word in text for word in words)}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over the files that ``-k`` cannot mean."""
    chosen = config.stash[CHOSEN]
    passed_over = collection_path.suffix == ".py" and collection_path not in chosen
    return True if chosen and passed_over else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = _lacking()
    if lacking is None:
        return
    for item in items:
        if item.get_closest_marker("daemon"):
            item.add_marker(pytest.mark.skip(reason=lacking))


def pytest_collection_finish() -> None:
    """What has been imported stays: no collection of garbage need walk through it again.

    Pytest collects five times as it ends, for warnings that nobody has seen, and each walk through
    a hundred thousand functions and patterns takes a fifth of a second.
    """
    gc.freeze()


@pytest.fixture(scope="session")
def hello() -> BuiltImage:
    """The built-in function's image: Python compiles what it imports as it starts."""
    return build_image(load_function("hello"))


@pytest.fixture(scope="session")
def plain_hello() -> BuiltImage:
    """The same on a server without packages: less to compile, and enough to miss."""
    return build_image(load_function("hello"), BuildOptions("http_server"))


@pytest.fixture(scope="session")
def quick_hello() -> BuiltImage:
    """One that starts in a fraction of the time: with byte code, on a server without packages."""
    return build_image(load_function("hello"), QUICK)


@pytest.fixture
async def quiet_node(request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    """A private containerd that collects only when it is forced to."""
    images = []
    if "image" in request.fixturenames:
        images = [build_image(load_function("hello"), QUICK)]
    async with daemon_with(images, collector=QUIET_COLLECTOR) as node:
        yield node


@pytest.fixture
async def image(quiet_node: Node) -> ImportedImage:
    """The built-in function's image with byte code, imported into ``quiet_node``."""
    return await _import(quiet_node)


async def _import(node: Node) -> ImportedImage:
    built = build_image(load_function("hello"), QUICK)
    return await import_layout(
        node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
    )


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket in it (unix(7): 107 bytes)."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ib-", dir="/tmp") as name:
        yield Path(name)
