"""Known clients that do it right, on every containerd and Docker that is here: no finding.

Other programs than the installed ones are named by ILUVATAR_BENCH_CONTAINERDS (folders of
containerd and its shims) and ILUVATAR_BENCH_DOCKERS (folders of dockerd and docker), separated by
colons.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from iluvatar_bench.audit import Severity, audit_daemon
from iluvatar_bench.containerd.daemon.private import Node, private_daemon
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.services.pods import Pods, Processes
from iluvatar_bench.errors import Unreachable, UnusablePath
from iluvatar_bench.functions import BuiltImage, daemon_with
from tests.audit.clients import RawWorker, audited, ctr, ctr_run, named
from tests.support.pod_nodes import POD_IMAGE, pod_node

pytestmark = [pytest.mark.daemon, pytest.mark.slow]


def _programs(variable: str) -> list[str]:
    return ["installed", *filter(None, os.environ.get(variable, "").split(":"))]


CONTAINERDS = _programs("ILUVATAR_BENCH_CONTAINERDS")
DOCKERS = _programs("ILUVATAR_BENCH_DOCKERS")

AUDITS = 500


@pytest.fixture(params=CONTAINERDS)
def containerd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One containerd; its folder goes first where programs are looked for."""
    if request.param != "installed":
        monkeypatch.setenv("PATH", f"{request.param}:{os.environ['PATH']}")
    return str(request.param)


CTR_FORMS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "host network": ("--net-host",),
    "read-only": ("--read-only",),
    "native": ("--snapshotter", "native"),
    "memory limit": ("--memory-limit", "67108864"),
    "env and label": ("--env", "A=b", "--label", "a=b"),
    "host's processes": ("--with-ns", "pid:/proc/1/ns/pid"),
}


async def test_ctr_in_its_forms(containerd: str, quick_hello: BuiltImage) -> None:
    async with daemon_with([quick_hello], snapshotters=["overlayfs", "native"]) as node:
        image = await import_layout(
            node.client,
            quick_hello.layout,
            name=quick_hello.name,
            snapshotters=["overlayfs", "native"],
        )
        for number, (form, options) in enumerate(CTR_FORMS.items()):
            if form == "host's processes" and not os.access("/proc/1/ns/pid", os.R_OK):
                continue
            await ctr_run(node, image, f"form-{number}", *options)
            audit = await audited(node)
            assert named(audit) == {}, form
        await ctr(node, "snapshots", "prepare", "by-hand", image.chain_id)
        assert named(await audited(node, grace_seconds=0)) == {"snapshot_orphaned": 1}


@dataclass(frozen=True, slots=True)
class Docker:
    """A dockerd of our own, and its client."""

    program: str
    socket: Path

    async def __call__(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(self.program, "--host", f"unix://{self.socket}", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode().strip()


def found(name: str, folder: str) -> str:
    """A program of a folder, or an installed one; skips by name without it."""
    if folder == "installed":
        path = shutil.which(name)
    else:
        path = shutil.which(name, path=f"{folder}:{folder.replace('/bin', '/sbin')}")
    if path is None:
        pytest.skip(f"needs {name} ({folder})")
    return path


@asynccontextmanager
async def own_docker(
    node: Node, folder: Path, docker: str, options: Sequence[str]
) -> AsyncIterator[Docker]:
    """A dockerd on the node's containerd, with folders, cgroups and a namespace of its own."""
    daemon, client = found("dockerd", docker), found("docker", docker)
    socket, log = folder / "d.sock", folder / "log"
    data = node.scratch / "docker"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(daemon, "--containerd", str(node.address), "--containerd-namespace", "apart"),
            *("--containerd-plugins-namespace", "apart-plugins"),
            *("--host", f"unix://{socket}", "--pidfile", str(folder / "pid")),
            *("--data-root", str(data), "--exec-root", str(folder / "x")),
            *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
            "--userland-proxy=false",
            *("--cgroup-parent", f"{node.cgroup_parent}/docker"),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", *options),
            stdout=output,
            stderr=output,
        )
    try:
        own = Docker(client, socket)
        async with asyncio.timeout(60):
            while not socket.exists():
                assert process.returncode is None, log.read_text()[-2000:]
                await asyncio.wait((asyncio.ensure_future(process.wait()),), timeout=0.1)
        yield own
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        mounted = [
            line.split()[4]
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if str(data) in line.split()[4] or str(folder) in line.split()[4]
        ]
        for point in reversed(mounted):
            await asyncio.to_thread(subprocess.run, ["umount", "--lazy", point], check=False)
        shutil.rmtree(data, ignore_errors=True)


def empty_root(folder: Path) -> Path:
    """A root file system as a tar: folders, on which the host's programs are mounted."""
    archive = folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("lib", "lib64", "usr", "etc", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return archive


def major_version(dockerd: str) -> int:
    said = subprocess.run([dockerd, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split("version ")[1].split(".")[0])


STORES = {
    "image store": ("--feature", "containerd-snapshotter"),
    "overlay2": ("--storage-driver", "overlay2"),
}


@pytest.mark.parametrize("docker", DOCKERS)
@pytest.mark.parametrize("store", STORES)
async def test_docker_with_either_store(
    containerd: str, docker: str, store: str, short_folder: Path
) -> None:
    """Running, stopped and renamed containers, one with the host's processes, in its namespace."""
    major = await asyncio.to_thread(major_version, found("dockerd", docker))
    if store == "image store" and major < 25:
        pytest.skip(f"dockerd {major} has no image store")
    options = STORES[store]
    if store == "image store" and major < 28:
        config = short_folder / "daemon.json"
        config.write_text('{"features": {"containerd-snapshotter": true}}')
        options = ("--config-file", str(config))
    async with (
        private_daemon() as node,
        own_docker(node, short_folder, docker, options) as run,
    ):
        archive = await asyncio.to_thread(empty_root, short_folder)
        await run("import", str(archive), "small:1")
        hosts = [f"--volume=/{name}:/{name}:ro" for name in ("lib", "lib64", "usr")]
        plain = ("run", "--detach", "--network", "none", *hosts)
        sleep = shutil.which("sleep") or ""
        await run(*plain, "--name", "runs", "small:1", sleep, "600")
        await run(*plain, "--name", "hosts", "--pid", "host", "small:1", sleep, "600")
        await run(*plain, "--name", "ends", "small:1", sleep, "0")
        await run("wait", "ends")
        assert (await run("ps", "--format", "{{.Names}}")).split() == ["hosts", "runs"]
        audit = await audited(node, grace_seconds=0)
        assert named(audit) == {}, [f.details for f in audit.findings]
        told = [note.partition(" ")[2].split(" ")[:2] for note in audit.notes]
        by_lease = [["snapshots", "in"]] if store == "image store" else []
        assert told == [["shares", "a"], *by_lease]
        assert {client.name for client in audit.clients} == {"docker"}
        profile = audit.clients[0].profile()
        assert profile is None or profile.snapshot_reference == "lease"
        await node.client.leases.force_collection()
        assert await run("start", "ends") == "ends"
        with pytest.raises((UnusablePath, Unreachable), match="dockerd's own socket; its contain"):
            await audit_daemon(run.socket)
        for name in ("runs", "hosts", "ends"):
            await run("rm", "--force", name)
        assert named(await audited(node, grace_seconds=0)) == {}


@pytest.mark.parametrize("processes", ["container", "pod", "host"])
async def test_pods_of_the_cri_plugin(
    containerd: str, processes: Processes, tmp_path: Path
) -> None:
    """Three pods: one runs, the container of one has ended, one is stopped and not yet removed."""
    async with pod_node(tmp_path) as node:
        pods = Pods(node.client.channel, processes=processes)
        made: dict[str, tuple[str, str]] = {}
        for name in ("runs", "ends", "stops"):
            pod = await pods.run(name)
            command = ("python3", "-S", "-c", "import time; time.sleep(600)")
            container = await pods.create_container(pod, name, image=POD_IMAGE, command=command)
            await pods.start_container(container)
            made[name] = (pod, container)
        await pods.stop_container(made["ends"][1])
        await pods.stop(made["stops"][0])
        assert [await pods.is_running(made[name][1]) for name in made] == [True, False, False]
        audit = await audited(node, grace_seconds=0)
        assert named(audit) == {}, [found.details for found in audit.findings]
        assert len(await node.client.containers.list()) == 2 * len(made)
        assert {client.name for client in audit.clients} == {"kubernetes"}
        profile = audit.clients[0].profile()
        assert profile is None or profile.snapshot_reference == "lease"
        await node.client.leases.force_collection()
        assert await pods.is_running(made["runs"][1])
        for pod, _ in made.values():
            await pods.stop(pod)
            await pods.remove(pod)
        assert named(await audited(node, grace_seconds=0)) == {}


async def test_500_audits_of_a_churning_daemon_with_right_clients(
    containerd: str, quick_hello: BuiltImage
) -> None:
    """Three workers that make and remove containers as fast as they can: nothing above LOW."""
    async with private_daemon() as node:
        image = await import_layout(
            node.client, quick_hello.layout, name=quick_hello.name, snapshotters=["overlayfs"]
        )
        worker = RawWorker(node=node, image=image, named_snapshot=True, own_cgroup=True)
        done = asyncio.Event()
        made = 0

        async def churn(name: str) -> None:
            nonlocal made
            while not done.is_set():
                id = f"{name}-{made}"
                made += 1
                await worker.create(id)
                await worker.remove(id)

        above: list[dict[str, int]] = []
        low = 0
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b", "c"):
                group.create_task(churn(name))
            for _ in range(AUDITS):
                audit = await audited(node)
                low += any(found.severity is Severity.LOW for found in audit.findings)
                if any(found.severity is not Severity.LOW for found in audit.findings):
                    above.append(named(audit))
            done.set()
        assert above == []
        assert made > AUDITS / 5, "the daemon churned"
