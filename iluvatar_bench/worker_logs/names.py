"""Who a log line is about: container ids, function names and versions, transactions."""

from __future__ import annotations

import re

_GUID = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?!\w)")
# Matched against the reversed text before a GUID: a search that ends at a place would try every
# beginning.
_NAME_BEFORE = re.compile(r"-([\w.-]{1,200})", re.ASCII)
_DOTTED_VERSION = re.compile(r"(.+?)-(\d+(?:\.\d+)+[\w.+-]*)")
# sha256:<64 hex> is an image or a layer, never a container.
_HEX_CONTAINER = re.compile(
    r"(?<!sha256:)(?:[Cc]ontainer|[Tt]ask|[Ss]andbox|\b[Pp]od|\b[Ii]d)"
    r"[\w ]{0,20}[=:\"\\' ]{1,8}(?:containerd://|docker://|cri-o://)?([0-9a-f]{64})(?![0-9a-f])"
)
_SCOPE = re.compile(
    r"(?:cri-containerd|docker|libpod|crio|nerdctl)-([0-9a-f]{64})(?:\.scope\b|(?![0-9a-f]))"
)
_CONMON = re.compile(r"\bconmon ([0-9a-f]{12,64}) <")
# Kubernetes events and kubelet name pods, not containers.
_POD = re.compile(r"(?:\bpod/|\bpod=\\{0,3}\"[a-z0-9.-]{1,63}/)([a-z0-9][a-z0-9.-]{1,200})")
_INVOLVED = re.compile(
    r"\"(?:involvedObject|regarding)\":\s{0,4}\{[^{}\n]{0,300}?\"name\":\s{0,4}\"([a-z0-9][a-z0-9.-]{1,200})"
)
_NAMED_CONTAINER = re.compile(
    r"\b(?:container|task) \\{0,3}[\"'`]([A-Za-z0-9][\w.-]{1,128})\\{0,3}[\"'`]"
)

_CONTAINER_FILE = re.compile(r"(?:^|[/-])([0-9a-f]{64})(?:-json)?\.log(?:\.\d{1,4})?(?:\.gz)?\Z")
_REQUEST = re.compile(r"(?=[^\d]*\d)[\w.:-]{1,200}", re.ASCII)


def container_in(text: str) -> str | None:
    """The first container that ``text`` names, or None.

    In order of certainty: the worker's ``name-version-GUID``, containerd's 64 hexadecimal digits
    after a word that says what they are or in the name of a scope, a quoted name after "container"
    or "task", and last the pod of a Kubernetes event.
    """
    for guid in _GUID.finditer(text):
        before = _NAME_BEFORE.match(text[max(0, guid.start() - 201) : guid.start()][::-1])
        if before:
            name = before.group(1)[::-1].lstrip(".-")
            return f"{name}-{guid.group()}"
    for pattern in (_HEX_CONTAINER, _SCOPE, _CONMON, _INVOLVED, _NAMED_CONTAINER, _POD):
        found = pattern.search(text)
        if found:
            return found.group(1)
    return None


def container_of_file(name: str) -> str | None:
    """The container whose output a file holds, by the names that kubelet and Docker give.

    ``/var/log/containers/<pod>_<namespace>_<container>-<64 hex>.log`` and ``<64 hex>-json.log``.
    """
    found = _CONTAINER_FILE.search(name)
    return found.group(1) if found else None


def is_never_reused(container_id: str) -> bool:
    """Whether an id is drawn at random, so that two lines with it mean the same container."""
    return (
        _GUID.search(container_id) is not None
        or re.fullmatch(r"[0-9a-f]{64}", container_id) is not None
    )


def function_of(container_id: str) -> tuple[str | None, str | None]:
    """Function name and version of a worker's container id ``name-version-GUID``.

    ``(None, None)`` where the id has another form. Names may contain hyphens and digits: the
    version is taken to begin at the first dotted number.
    """
    guid = _GUID.search(container_id)
    if guid is None or guid.start() < 2 or container_id[guid.start() - 1] != "-":
        return None, None
    return split_name(container_id[: guid.start() - 1])


def split_name(name_and_version: str) -> tuple[str | None, str | None]:
    """Function name and version of ``name-version``, the worker's *fqdn*."""
    dotted = _DOTTED_VERSION.fullmatch(name_and_version)
    if dotted:
        return dotted.group(1), dotted.group(2)
    name, hyphen, version = name_and_version.rpartition("-")
    return (name, version) if hyphen and name else (name_and_version or None, None)


def is_transaction(tid: str) -> bool:
    """Whether a transaction id belongs to one request.

    The worker's background tasks log under a fixed word of their own ("CtrMrgWorker",
    "NetNsPool"), which says nothing about whom a line concerns; a request's id is a GUID.
    """
    return _REQUEST.fullmatch(tid) is not None
