"""The OCI runtime as a choice of the profile: what containerd is told, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iluvatar_bench.containerd._api.runc_options_pb2 import Options
from iluvatar_bench.containerd.client import connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.errors import EnvironmentProblem, MissingProgram, UsageError
from iluvatar_bench.host.oci_runtime import runtime_facts, runtime_path
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import resolve_profile
from iluvatar_bench.runs.testbed import TestbedSettings
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.fake_containerd import fake_containerd

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    program = tmp_path / "other-runtime-1.2"
    program.write_text("#!/bin/sh\necho otherrun version 1.2.3\n")
    program.chmod(0o755)
    link = tmp_path / "other-runtime"
    link.symlink_to(program)
    return link


async def test_containerd_is_told_of_the_runtime_where_it_is_not_the_usual_one(
    short_folder: Path, runtime: Path
) -> None:
    socket = short_folder / "s"
    async with fake_containerd(socket) as fake, connect(socket) as client:
        node = Node("fake", client, socket, "/iluvatar-bench/fake", None, short_folder, None)
        for name, level in (("usual", "runc"), ("other", str(runtime))):
            profile = resolve_profile("guarded", [f"runtime={level}"])
            setting = Setting("test-fake", node, IMAGE, profile, KillLog())
            await run_trial(setting, PlannedTrial(index=0, function=name, hold_ms=0))
    assert not fake.created_tasks["usual-est-fake-00000"].HasField("options")
    told = Options.FromString(fake.created_tasks["other-est-fake-00000"].options.value)
    assert told.binary_name == str(runtime)


def test_what_ran_is_named_behind_its_links(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(runtime.parent), prepend=":")
    assert runtime_path("runc") is None
    assert runtime_path(runtime.name) == runtime
    facts = runtime_facts([runtime.name, "no-such-runtime", runtime.name])
    assert facts == {
        runtime.name: {
            "path": str(runtime),
            "program": str(runtime.resolve()),
            "version": "otherrun version 1.2.3",
        },
        "no-such-runtime": {"path": None, "program": None, "version": None},
    }


def test_a_runtime_that_is_not_there_is_refused_before_anything_starts() -> None:
    for level in ("no-such-runtime", "/no/such/runtime"):
        with pytest.raises(MissingProgram, match=f"{level} is not installed"):
            TestbedSettings(profiles=(resolve_profile("guarded", [f"runtime={level}"]),))
    for level in ("../runc", "a b", ""):
        with pytest.raises(UsageError, match="runtime"):
            resolve_profile("guarded", [f"runtime={level}"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#!/bin/sh\necho no libblake3.so.0 >&2\nexit 127\n", "status 127: no libblake3.so.0"),
        ("#!/bin/sh\nexit 1\n", "status 1: it says nothing"),
        ("#!/no/such/interpreter\n", "No such file or directory"),
        ("no program of this machine", "Exec format error"),
    ],
)
def test_a_runtime_that_does_not_run_here_is_refused_before_anything_starts(
    text: str, told: str, tmp_path: Path
) -> None:
    program = tmp_path / "elsewhere"
    program.write_text(text)
    program.chmod(0o755)
    message = re.escape(f"cannot say its version ({program} --version: {told})")
    with pytest.raises(EnvironmentProblem, match=message):
        TestbedSettings(profiles=(resolve_profile("guarded", [f"runtime={program}"]),))
