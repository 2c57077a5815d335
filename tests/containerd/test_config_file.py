"""The settings of a running daemon: from its command line, its file, or containerd's defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.config import DEFAULT_STATE, read_config
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.host.kernel.processes import command_line, environment
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR


def arguments(file: Path, *more: str) -> tuple[str, ...]:
    return ("/usr/bin/containerd", "--config", str(file), *more)


def test_defaults_where_there_is_no_file(tmp_path: Path) -> None:
    config = read_config(arguments(tmp_path / "none"))
    assert (config.collector, config.state) == (NATURAL_COLLECTOR, DEFAULT_STATE)


@pytest.mark.parametrize("section", ['"io.containerd.gc.v1.scheduler"', "scheduler"])
def test_the_file_and_the_command_line(tmp_path: Path, section: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        f'state = "/run/x"\n[plugins.{section}]\ndeletion_threshold = 1\nunknown = "later"\n'
    )
    config = read_config(arguments(file))
    assert (config.collector.deletion_threshold, config.state) == (1, Path("/run/x"))
    assert config.collector.mutation_threshold == NATURAL_COLLECTOR.mutation_threshold
    assert read_config(arguments(file, "--state", "/run/y")).state == Path("/run/y")
    assert read_config(("containerd", f"-c={file}")).state == Path("/run/x")


@pytest.mark.parametrize("text", ["state = ", "plugins = 1", "[plugins]\nscheduler = 3"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(UnusablePath, match=r"config\.toml cannot be read") as raised:
        read_config(arguments(tmp_path / "config.toml"))
    assert "\n" not in str(raised.value)


@pytest.mark.daemon
async def test_the_process_behind_a_socket_and_its_settings(quiet_node: Node) -> None:
    listener = listener_at(quiet_node.address)
    assert listener is not None
    arguments = command_line(listener.pid)
    assert Path(arguments[0]).name == "containerd"
    assert environment(listener.pid)["PATH"]
    config = read_config(arguments)
    assert (config.collector, config.state) == (QUIET_COLLECTOR, quiet_node.address.parent / "s")
