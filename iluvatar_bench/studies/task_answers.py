"""What a containerd answers to each call of the tasks service, by the state that a task is in.

The states are those of one container's life; what is asked in each is also what is out of place
there. Then containers whose image goes while they are made, with a lease on it and without.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage
from iluvatar_bench.containerd.oci.spec import process_spec
from iluvatar_bench.errors import ContainerdError, IluvatarBenchError
from iluvatar_bench.lifecycle import Container, KillLog, remove_container
from iluvatar_bench.lifecycle.container import open_container
from iluvatar_bench.profiles import factor_levels, resolve_profile

OK = "ok"

_LONGEST = 110
"""Of a text, so many letters."""

_TOO_LITTLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked of a task in which state, and what came: ``ok``, or the error and its text."""

    state: str
    call: str
    answer: str


@dataclass(slots=True)
class _Book:
    """Takes down answers; names and paths that differ from run to run are left out of them."""

    node: Node
    names: tuple[str, ...]
    answers: list[Answer] = field(default_factory=list)

    async def note(self, state: str, call: str, asked: Awaitable[object]) -> None:
        try:
            await asked
        except IluvatarBenchError as error:
            self.answers.append(Answer(state, call, self._told(error)))
        else:
            self.answers.append(Answer(state, call, OK))

    def _told(self, error: IluvatarBenchError) -> str:
        text = error.detail if isinstance(error, ContainerdError) else str(error)
        for name in self.names:
            text = text.replace(name, "c")
        text = re.sub(r"\basked-[0-9a-f]{8}\b", "c", text)
        text = re.sub(r"/\S*/([\w.-]+)", r"…/\1", " ".join(text.split()))
        text = re.sub(r"\b[0-9a-f]{12,64}\b|\b\d{3,}\b", "N", text)
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        return f"{type(error).__name__}: {short}"


async def task_answers(node: Node, image: ImportedImage) -> list[Answer]:
    """Ask a quiet private containerd, in the order of a container's life.

    Raises:
        ContainerdError: what is right in itself failed.
    """
    name = f"asked-{secrets.token_hex(4)}"
    book = _Book(node, (f"{name}-none", name))
    tasks = node.client.tasks
    absent = f"{name}-none"
    for call, asked in (
        ("Get", tasks.get(absent)),
        ("Start", tasks.start(absent)),
        ("Pause", tasks.pause(absent)),
        ("Kill", tasks.kill(absent, signal=SIGTERM, all_processes=False)),
        ("Wait", tasks.wait_exit(absent)),
        ("ListPids", tasks.processes(absent)),
        ("Metrics", tasks.metrics([absent])),
        ("Delete", tasks.delete(absent)),
    ):
        await book.note("no task", call, asked)
    async with _container(node, image, name) as container:
        await container.create()
        await _created(book, container)
        await container.start()
        await _running(book, container)
        await _paused(book, container)
        await tasks.kill(container.id, signal=SIGKILL, all_processes=False)
        assert container.exited is not None
        await container.exited
        await _ended(book, container)
    for level in factor_levels("image_end")[1:]:
        await book.note(f"image {level}", "a whole life", _life(node, image, level))
    return book.answers


@asynccontextmanager
async def _container(
    node: Node, image: ImportedImage, name: str, *settings: str
) -> AsyncIterator[Container]:
    profile = resolve_profile("guarded", ["collection=quiet", *settings])
    async with open_container(
        name, node=node, image=image, profile=profile, kills=KillLog()
    ) as container:
        try:
            yield container
        finally:
            await remove_container(container)


async def _life(node: Node, image: ImportedImage, level: str) -> None:
    name = f"asked-{secrets.token_hex(4)}"
    async with _container(node, image, name, f"image_end={level}") as container:
        await container.create()
        await container.start()


async def _created(book: _Book, container: Container) -> None:
    tasks, name = container.node.client.tasks, container.id
    for call, asked in (
        ("Create", _again(container)),
        ("Pause", tasks.pause(name)),
        ("Resume", tasks.resume(name)),
        ("ListPids", tasks.processes(name)),
        ("Metrics", tasks.metrics([name])),
        ("CloseIO", tasks.close_stdin(name)),
        ("Update", tasks.update(name, {"memory": {"limit": 256 << 20}})),
    ):
        await book.note("created", call, asked)


async def _running(book: _Book, container: Container) -> None:
    tasks, name = container.node.client.tasks, container.id
    for call, asked in (
        ("Create", _again(container)),
        ("Start", tasks.start(name)),
        ("Resume", tasks.resume(name)),
        ("Delete", tasks.delete(name)),
        ("Update to less than is in use", tasks.update(name, _limit(_TOO_LITTLE_BYTES))),
        ("ResizePty without a terminal", tasks.resize(name, columns=80, rows=25)),
        ("CloseIO without stdin", tasks.close_stdin(name)),
        ("Exec, Start of an absent program", _exec(container, "absent", "/absent/program")),
        ("DeleteProcess of it", tasks.delete_exec(name, "absent")),
        ("Wait for an absent exec", tasks.wait_exit(name, exec_id="nothing")),
        ("Checkpoint", tasks.checkpoint(name)),
    ):
        await book.note("running", call, asked)


async def _paused(book: _Book, container: Container) -> None:
    tasks, name = container.node.client.tasks, container.id
    await tasks.pause(name)
    for call, asked in (
        ("Pause", tasks.pause(name)),
        ("Start", tasks.start(name)),
        ("Exec, Start", _exec(container, "entering", "python3")),
        ("Metrics", tasks.metrics([name])),
        ("ListPids", tasks.processes(name)),
        ("Update", tasks.update(name, _limit(512 << 20))),
        ("Delete", tasks.delete(name)),
        ("Kill SIGTERM", tasks.kill(name, signal=SIGTERM, all_processes=False)),
    ):
        await book.note("paused", call, asked)


async def _ended(book: _Book, container: Container) -> None:
    tasks, name = container.node.client.tasks, container.id
    for call, asked in (
        ("Get", tasks.get(name)),
        ("Wait", tasks.wait_exit(name)),
        ("Start", tasks.start(name)),
        ("Pause", tasks.pause(name)),
        ("Resume", tasks.resume(name)),
        ("Exec, Start", _exec(container, "late", "python3")),
        ("Update", tasks.update(name, _limit(512 << 20))),
        ("Metrics", tasks.metrics([name])),
        ("ListPids", tasks.processes(name)),
        ("Kill", tasks.kill(name, signal=SIGKILL, all_processes=False)),
        ("Delete", tasks.delete(name)),
        ("Delete again", tasks.delete(name)),
    ):
        await book.note("ended", call, asked)


def _limit(limit_bytes: int) -> dict[str, object]:
    return {"memory": {"limit": limit_bytes}}


async def _again(container: Container) -> None:
    await container.node.client.tasks.create(
        container.id, rootfs=(), stdout=container.stdout, stderr=container.stderr
    )


async def _exec(container: Container, exec_id: str, program: str) -> None:
    tasks = container.node.client.tasks
    process = process_spec([program], env=container.image.env, cwd=container.image.cwd)
    nowhere = Path("/dev/null")
    await tasks.exec(container.id, exec_id, process, stdout=nowhere, stderr=nowhere)
    await tasks.start(container.id, exec_id=exec_id)
