"""The tasks of every namespace of a containerd, by ``namespace/container``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.values import ExitStatus, TaskInfo
from iluvatar_bench.observe.life import Under


class AllTasks:
    """What is asked about tasks, for containers of any namespace.

    It is the ``tasks`` of itself, so that it can stand where a client does. ``namespaces`` says
    which are to be listed.
    """

    def __init__(self, under: Under, namespaces: Callable[[], Iterable[str]]) -> None:
        self._under = under
        self._namespaces = namespaces

    @property
    def tasks(self) -> AllTasks:
        """The tasks."""
        return self

    async def wait_exit(self, container_id: str) -> ExitStatus:
        """Return when the task's first process has ended.

        Raises:
            NotFound: there is no such task.
            AnswerLost: the daemon went away while waiting.
        """
        client, own = self._of(container_id)
        return await client.tasks.wait_exit(own)

    async def get(self, container_id: str) -> TaskInfo:
        """The state of one task.

        Raises:
            NotFound: there is none.
        """
        client, own = self._of(container_id)
        return replace(await client.tasks.get(own), container_id=container_id)

    async def list(self) -> tuple[TaskInfo, ...]:
        """Every task of the namespaces."""
        found: list[TaskInfo] = []
        for namespace in dict.fromkeys(self._namespaces()):
            tasks = await self._under(namespace).tasks.list()
            found += [replace(t, container_id=f"{namespace}/{t.container_id}") for t in tasks]
        return tuple(found)

    def _of(self, name: str) -> tuple[Client, str]:
        # Neither part has a slash (containerd, identifiers/validate.go).
        namespace, _, own = name.partition("/")
        return self._under(namespace), own
