"""The settings of a running daemon: from its command line, its file, or containerd's defaults."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.config import DEFAULT_STATE, config_of_daemon, read_config
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.daemon.versions import Release, release
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.kernel.listener import listener_at
from iluvatar_bench.host.kernel.processes import command_line, environment
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR
from tests.support.waiting import wait_for


def arguments(file: Path, *more: str) -> tuple[str, ...]:
    return ("/usr/bin/containerd", "--config", str(file), *more)


def test_defaults_where_there_is_no_file(tmp_path: Path) -> None:
    config = read_config(("/usr/bin/containerd",), root=tmp_path)
    assert (config.collector, config.state) == (NATURAL_COLLECTOR, DEFAULT_STATE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-c", "none.toml"), "none.toml is not there"),
        (("-c", "config.toml"), "relative to the daemon's working directory"),
        (("--config={}/imports.toml",), "absent.toml is not there"),
    ],
)
def test_what_cannot_be_known_is_not_taken_for_the_defaults(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "imports.toml").write_text('imports = ["absent.toml"]\n')
    folder = tmp_path if "none.toml" in options else None
    with pytest.raises(UnusablePath, match=words):
        read_config(("containerd", *(o.format(tmp_path) for o in options)), folder=folder)


@pytest.mark.daemon
@pytest.mark.parametrize("config", ["top.toml", "{}/top.toml"])
def test_imports_are_followed_as_the_program_itself_does(tmp_path: Path, config: str) -> None:
    """The oracle is `containerd config dump` of the version that is here."""
    section = '[plugins."io.containerd.gc.v1.scheduler"]\n'
    (tmp_path / "top.toml").write_text(
        'version = 2\nstate = "/run/x"\n'
        f'imports = ["beside.toml", "{tmp_path}/conf.d/*.toml"]\n'
        f"{section}mutation_threshold = 7\ndeletion_threshold = 3\n"
    )
    (tmp_path / "beside.toml").write_text(
        f'version = 2\nimports = ["deep.toml"]\n{section}pause_threshold = 0.3\n'
    )
    (tmp_path / "deep.toml").write_text('version = 2\nstate = "/run/deep"\n')
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.toml").write_text(f"version = 2\n{section}deletion_threshold = 0\n")
    (tmp_path / "conf.d" / "a.toml").write_text(f"version = 2\n{section}pause_threshold = 0.4\n")
    options = ("--config", config.format(tmp_path))
    dumped = subprocess.run(
        ["containerd", *options, "config", "dump"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    document = tomllib.loads(dumped.stdout)
    version = subprocess.run(
        ["containerd", "--version"], capture_output=True, text=True, check=True
    )
    told = read_config(("containerd", *options), release=release(version.stdout), folder=tmp_path)
    scheduler = document["plugins"]["io.containerd.gc.v1.scheduler"]
    assert asdict(told.collector) == {name: scheduler[name] for name in asdict(told.collector)}
    assert str(told.state) == document["state"] == "/run/deep"


@pytest.mark.parametrize(("version", "read"), [((2, 1, 9), 100), ((2, 2, 0), 5)])
def test_drop_ins_are_read_by_the_versions_that_do(
    tmp_path: Path, version: tuple[int, int, int], read: int
) -> None:
    (tmp_path / "etc/containerd/conf.d").mkdir(parents=True)
    text = '[plugins."io.containerd.gc.v1.scheduler"]\nmutation_threshold = 5\n'
    (tmp_path / "etc/containerd/conf.d/own.toml").write_text(text)
    config = read_config(("containerd",), release=Release(*version), root=tmp_path)
    assert config.collector.mutation_threshold == read


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


def test_the_settings_of_a_daemon_that_was_started_in_its_own_folder(tmp_path: Path) -> None:
    """Its file is named as it is seen from there; one that has ended has none."""
    (tmp_path / "wait").write_text("read told\n")
    (tmp_path / "config.toml").write_text('root = "/srv/own"\n')
    with subprocess.Popen(
        ["containerd", "wait", "--config", "config.toml"],
        executable="/bin/sh",
        stdin=subprocess.PIPE,
        cwd=tmp_path,
    ) as daemon:
        # Its arguments are there a moment after its program.
        config = wait_for(lambda: config_of_daemon(daemon.pid, version="v1.6.20"))
        daemon.kill()
    assert config.root == Path("/srv/own")
    assert config_of_daemon(daemon.pid, version="v1.6.20") is None
