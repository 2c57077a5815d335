"""Kubernetes' side of containerd: pods and their containers through the CRI plugin.

What the kubelet asks (CRI, runtime.v1). The plugin is a part of the daemon: the calls that it makes
for each of these never leave the process. It keeps everything in the containerd namespace
:data:`NAMESPACE`.
"""

from __future__ import annotations

from collections.abc import Sequence

from iluvatar_bench.containerd._api import cri_pb2, cri_pb2_grpc
from iluvatar_bench.containerd.channel import READ_SECONDS, Channel

NAMESPACE = "k8s.io"
"""Fixed (containerd 1.6.20, pkg/cri/constants/constants.go)."""

NAME_LABEL = "iluvatar-bench/pod"
"""Carries the pod's name: containerd's records have the label too."""

_CONTAINER = "main"


class Pods:
    """Pods in the host's network, of one container each."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stub = cri_pb2_grpc.RuntimeServiceStub(channel.grpc_channel)

    async def run(self, name: str) -> str:
        """Make a pod's sandbox and start it; gives its id.

        Raises:
            DaemonFault: it cannot be made, or a pod of this name is there.
        """
        answer = await self._channel.call(
            self._stub.RunPodSandbox,
            cri_pb2.RunPodSandboxRequest(config=_sandbox(name)),
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
                sandbox_config=_sandbox(name),
                config=cri_pb2.ContainerConfig(
                    metadata=cri_pb2.ContainerMetadata(name=_CONTAINER),
                    image=cri_pb2.ImageSpec(image=image),
                    command=command,
                    labels={NAME_LABEL: name},
                    linux=cri_pb2.LinuxContainerConfig(
                        security_context=cri_pb2.LinuxContainerSecurityContext(
                            namespace_options=_namespaces()
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


def _sandbox(name: str) -> cri_pb2.PodSandboxConfig:
    return cri_pb2.PodSandboxConfig(
        metadata=cri_pb2.PodSandboxMetadata(name=name, uid=name, namespace="default"),
        labels={NAME_LABEL: name},
        linux=cri_pb2.LinuxPodSandboxConfig(
            security_context=cri_pb2.LinuxSandboxSecurityContext(namespace_options=_namespaces())
        ),
    )


def _namespaces() -> cri_pb2.NamespaceOption:
    """The host's network: no CNI plugin is asked."""
    return cri_pb2.NamespaceOption(network=cri_pb2.NODE, pid=cri_pb2.CONTAINER)
