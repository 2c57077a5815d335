"""Kubernetes' side of containerd: pods and their containers through the CRI plugin.

What the kubelet asks (CRI, runtime.v1). The plugin is a part of the daemon: the calls that it makes
for each of these never leave the process. It keeps everything in the containerd namespace
:data:`NAMESPACE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from iluvatar_bench.containerd._api import cri_pb2, cri_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel
from iluvatar_bench.errors import DeadlineExceeded

NAMESPACE = "k8s.io"
"""Fixed (containerd 1.6.20, pkg/cri/constants/constants.go)."""

NAME_LABEL = "iluvatar-bench/pod"
"""Carries the pod's name: containerd's records have the label too."""

_CONTAINER = "main"
_ASK_SECONDS = 0.05

Processes = Literal["container", "pod", "host"]
"""Whose processes a pod's containers see: their own, each other's, or all of the host's."""

_PID_MODES = {"container": cri_pb2.CONTAINER, "pod": cri_pb2.POD, "host": cri_pb2.NODE}


class Pods:
    """Pods in the host's network, of one container each."""

    def __init__(self, channel: Channel, *, processes: Processes = "container") -> None:
        self._channel = channel
        self._stub = cri_pb2_grpc.RuntimeServiceStub(channel.grpc_channel)
        self._images = cri_pb2_grpc.ImageServiceStub(channel.grpc_channel)
        # The host's network: no CNI plugin is asked.
        self._namespaces = cri_pb2.NamespaceOption(network=cri_pb2.NODE, pid=_PID_MODES[processes])

    async def wait_for_image(self, name: str) -> None:
        """Wait until the plugin knows an image that was made without it.

        It hears of such images by containerd's events, a moment later, and tries to pull one that
        it does not know (containerd 1.6.20, pkg/cri/server/events.go, image_pull.go).

        Raises:
            DeadlineExceeded: it still does not know the image after ``READ_SECONDS``.
        """
        request = cri_pb2.ImageStatusRequest(image=cri_pb2.ImageSpec(image=name))
        try:
            async with asyncio.timeout(READ_SECONDS):
                while True:
                    answer = await self._channel.call(
                        self._images.ImageStatus,
                        request,
                        operation="ImageStatus",
                        subject=name,
                        seconds=READ_SECONDS,
                    )
                    if answer.HasField("image"):
                        return
                    await asyncio.sleep(_ASK_SECONDS)
        except TimeoutError as error:
            raise DeadlineExceeded(
                operation="ImageStatus",
                subject=name,
                namespace=NAMESPACE,
                detail=f"the CRI plugin does not know the image after {READ_SECONDS:.0f} s",
            ) from error

    async def run(self, name: str) -> str:
        """Make a pod's sandbox and start it; gives its id.

        Raises:
            DaemonFault: it cannot be made, or a pod of this name is there.
        """
        answer = await self._channel.call(
            self._stub.RunPodSandbox,
            cri_pb2.RunPodSandboxRequest(config=self._sandbox(name)),
            operation="RunPodSandbox",
            subject=name,
        )
        return str(answer.pod_sandbox_id)

    async def create_container(
        self, pod_id: str, name: str, *, image: str, command: Sequence[str]
    ) -> str:
        """Make the container of a pod; gives its id."""
        answer = await self._channel.call(
            self._stub.CreateContainer,
            cri_pb2.CreateContainerRequest(
                pod_sandbox_id=pod_id,
                sandbox_config=self._sandbox(name),
                config=cri_pb2.ContainerConfig(
                    metadata=cri_pb2.ContainerMetadata(name=_CONTAINER),
                    image=cri_pb2.ImageSpec(image=image),
                    command=command,
                    labels={NAME_LABEL: name},
                    linux=cri_pb2.LinuxContainerConfig(
                        security_context=cri_pb2.LinuxContainerSecurityContext(
                            namespace_options=self._namespaces
                        )
                    ),
                ),
            ),
            operation="CreateContainer",
            subject=name,
        )
        return str(answer.container_id)

    async def start_container(self, container_id: str) -> None:
        """Start a container's process."""
        await self._channel.call(
            self._stub.StartContainer,
            cri_pb2.StartContainerRequest(container_id=container_id),
            operation="StartContainer",
            subject=container_id,
        )

    async def is_running(self, container_id: str) -> bool:
        """Whether the plugin says that the container's process runs."""
        answer = await self._channel.call(
            self._stub.ContainerStatus,
            cri_pb2.ContainerStatusRequest(container_id=container_id),
            operation="ContainerStatus",
            subject=container_id,
            seconds=READ_SECONDS,
        )
        return bool(answer.status.state == cri_pb2.CONTAINER_RUNNING)

    async def stop_container(self, container_id: str) -> None:
        """End a container's process with SIGKILL."""
        await self._channel.call(
            self._stub.StopContainer,
            cri_pb2.StopContainerRequest(container_id=container_id, timeout=0),
            operation="StopContainer",
            subject=container_id,
        )

    async def remove_container(self, container_id: str) -> None:
        """Remove a container that has stopped; one that is not there is removed."""
        await self._channel.call(
            self._stub.RemoveContainer,
            cri_pb2.RemoveContainerRequest(container_id=container_id),
            operation="RemoveContainer",
            subject=container_id,
        )

    async def stop(self, pod_id: str) -> None:
        """Stop a pod with everything in it."""
        await self._channel.call(
            self._stub.StopPodSandbox,
            cri_pb2.StopPodSandboxRequest(pod_sandbox_id=pod_id),
            operation="StopPodSandbox",
            subject=pod_id,
        )

    async def remove(self, pod_id: str) -> None:
        """Remove a stopped pod with everything in it; one that is not there is removed."""
        await self._channel.call(
            self._stub.RemovePodSandbox,
            cri_pb2.RemovePodSandboxRequest(pod_sandbox_id=pod_id),
            operation="RemovePodSandbox",
            subject=pod_id,
        )

    async def named(self, name: str) -> tuple[str, ...]:
        """The ids of the pods of this name."""
        answer = await self._channel.call(
            self._stub.ListPodSandbox,
            cri_pb2.ListPodSandboxRequest(
                filter=cri_pb2.PodSandboxFilter(label_selector={NAME_LABEL: name})
            ),
            operation="ListPodSandbox",
            subject=name,
            seconds=READ_SECONDS,
        )
        return tuple(pod.id for pod in answer.items)

    def _sandbox(self, name: str) -> cri_pb2.PodSandboxConfig:
        return cri_pb2.PodSandboxConfig(
            metadata=cri_pb2.PodSandboxMetadata(name=name, uid=name, namespace="default"),
            labels={NAME_LABEL: name},
            linux=cri_pb2.LinuxPodSandboxConfig(
                security_context=cri_pb2.LinuxSandboxSecurityContext(
                    namespace_options=self._namespaces
                )
            ),
        )
