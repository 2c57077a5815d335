"""A container's whole life by a dockerd of its own, which keeps images and layers in containerd.

    python -m iluvatar_bench.clients.known.docker_client NAME IMAGE FOLDER

Where the socket is says CONTAINERD_ADDRESS, the namespace CONTAINERD_NAMESPACE; what dockerd keeps
lies below FOLDER. The client of containerd is dockerd from its start to its end, with one container
in between, asked for through Docker's own API. As a user's script would, it removes what has the
container's name before it begins, and what it made after an error.

dockerd gets no network of its own and changes none of the host's.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from iluvatar_bench.clients.known.dockerd_program import dockerd_program
from iluvatar_bench.errors import IluvatarBenchError, LifecycleError

_COMMAND = ("python3", "-S", "-E", "-c", "import time; time.sleep(60)")
_START_SECONDS = 20.0
_CALL_SECONDS = 60.0
_END_SECONDS = 20.0
_LOOK_SECONDS = 0.02


def run_container_once(docker: httpx.Client, name: str, image: str) -> None:
    """Create a container, start it, see it run, and remove it.

    Raises:
        LifecycleError: dockerd refused a part.
    """
    _ask(docker, "DELETE", f"/containers/{name}?force=1", name, fine=(404,))
    wanted = {
        "Image": image,
        "Cmd": list(_COMMAND),
        "HostConfig": {
            "NetworkMode": "host",
            "CgroupParent": f"/{os.environ['CONTAINERD_NAMESPACE']}",
            "LogConfig": {"Type": "none"},
        },
    }
    try:
        _ask(docker, "POST", f"/containers/create?name={name}", name, json=wanted)
        _start(docker, name)
    except BaseException:
        with contextlib.suppress(LifecycleError):
            _ask(docker, "DELETE", f"/containers/{name}?force=1", name, fine=(404,))
        raise
    _ask(docker, "POST", f"/containers/{name}/kill", name)
    _ask(docker, "DELETE", f"/containers/{name}?force=1", name)


def _start(docker: httpx.Client, name: str) -> None:
    _ask(docker, "POST", f"/containers/{name}/start", name)
    state = _ask(docker, "GET", f"/containers/{name}/json", name).json()["State"]
    if not state["Running"]:
        raise LifecycleError(
            f"its process does not run after its start: {state['Status']}, status "
            f"{state['ExitCode']} {state['Error']}",
            container_id=name,
        )


def _ask(
    docker: httpx.Client,
    method: str,
    path: str,
    name: str,
    *,
    fine: tuple[int, ...] = (),
    json: object = None,
) -> httpx.Response:
    try:
        answer = docker.request(method, path, json=json)
    except httpx.HTTPError as error:
        raise LifecycleError(f"dockerd did not answer: {error!r}", container_id=name) from error
    if answer.is_error and answer.status_code not in fine:
        raise LifecycleError(f"dockerd: {answer.text.strip()}", container_id=name)
    return answer


@contextmanager
def dockerd_below(folder: Path) -> Iterator[httpx.Client]:
    """A dockerd for the length of a block, and a client of it.

    Raises:
        LifecycleError: it does not answer, or fails at its end.
    """
    folder.mkdir(exist_ok=True)
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"features": {"containerd-snapshotter": True}}))
    socket = folder / "d"
    namespace = os.environ["CONTAINERD_NAMESPACE"]
    options = {
        "config-file": settings,
        "host": f"unix://{socket}",
        "containerd": os.environ["CONTAINERD_ADDRESS"],
        "containerd-namespace": namespace,
        "containerd-plugins-namespace": f"{namespace}-plugins",
        "data-root": folder / "data",
        "exec-root": folder / "x",
        "pidfile": folder / "pid",
        "exec-opt": "native.cgroupdriver=cgroupfs",
        "bridge": "none",
        **dict.fromkeys(
            ("iptables", "ip6tables", "ip-forward", "ip-masq", "userland-proxy"), "false"
        ),
    }
    argv = [str(dockerd_program()), *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)),
            base_url="http://docker",
            timeout=_CALL_SECONDS,
        ) as docker:
            _wait_for_answer(docker, process, folder)
            yield docker
    finally:
        _end(process)
    if process.returncode != 0:
        raise LifecycleError(
            f"dockerd ended with status {process.returncode}: {_last_words(folder)}",
            container_id=folder.name,
        )


def _wait_for_answer(docker: httpx.Client, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if docker.get("/_ping").is_success:
                return
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise LifecycleError(
                f"dockerd did not begin to answer: {_last_words(folder)}", container_id=folder.name
            )
        time.sleep(_LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(folder: Path) -> str:
    return " | ".join((folder / "log").read_text(errors="replace").splitlines()[-2:])


if __name__ == "__main__":
    try:
        with dockerd_below(Path(sys.argv[3])) as client:
            run_container_once(client, sys.argv[1], sys.argv[2])
    except IluvatarBenchError as error:
        sys.exit(str(error))
