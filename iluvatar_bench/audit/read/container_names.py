"""What people call containers: names that their clients keep beside the ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iluvatar_bench.containerd.values import ContainerRecord

_LABELS = ("nerdctl/name", "io.kubernetes.container.name", "io.kubernetes.pod.name")

_DOCKERS_LABEL = "com.docker/engine.bundle.path"


def names_of(record: ContainerRecord) -> tuple[str, ...]:
    """The names of a container besides its id; Docker's is in a file of its own, for root."""
    names = [record.labels[label] for label in _LABELS if label in record.labels]
    if _DOCKERS_LABEL in record.labels:
        names += _dockers_name(record)
    return tuple(dict.fromkeys(names))


def _dockers_name(record: ContainerRecord) -> Iterator[str]:
    """Beside the files that dockerd mounts into the container, ``config.v2.json`` has its name."""
    for mount in _mounts(record):
        source = Path(str(mount.get("source", "")))
        if source.parent.name != record.id:
            continue
        try:
            document = json.loads((source.parent / "config.v2.json").read_text())
            yield str(document["Name"]).removeprefix("/")
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return


def _mounts(record: ContainerRecord) -> Iterator[dict[str, Any]]:
    mounts = record.spec.get("mounts")
    for mount in mounts if isinstance(mounts, list) else ():
        if isinstance(mount, dict):
            yield mount
