"""Which words of a gRPC error are the client library's own, and what they mean.

The library and the daemon share the status codes, and nothing but the text tells which of the two
speaks. Containerd passes on what a shim or runc said to it, "connection refused" included: only
the library's whole phrase, with the address that was connected to, counts as the library's.

The phrases are grpcio's (1.80 and 1.85, seen), whose C core writes them:
https://github.com/grpc/grpc/blob/v1.80.0/src/core/ext/transport/chttp2/client/chttp2_connector.cc
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote

import grpc


class Said(StrEnum):
    """What the client library says of its connection."""

    NOBODY_LISTENS = "nobody listens"
    """The socket refuses connections, or is missing."""
    OTHER_PROTOCOL = "other protocol"
    """Something answered, and not in HTTP/2."""
    NOT_CONNECTED = "not connected"
    """Something is behind the socket, and no connection came about. A later try may succeed."""
    NO_ANSWER = "no answer"
    """The request's own time is up."""
    BROKEN = "broken"
    """The connection was lost, and with it the answer."""
    TOO_LARGE = "too large"
    """The answer is larger than this client takes, or than the daemon sends."""


_CONNECTING = re.compile(
    r"failed to connect to all addresses; last error: [A-Z_]+: unix:(\S+?): (.*)", re.DOTALL
)
_NOBODY = re.compile(r"error: (?:No such file or directory|Connection refused)")
_OTHER = re.compile(r"Failed parsing HTTP/2|Trying to connect an http1\.x server")
_BROKEN = re.compile(
    r"Stream removed|Socket closed|GOAWAY received|^recvmsg:|^sendmsg:|Broken pipe|endpoint closing"
)
_TOO_LARGE = re.compile(r"message larger than max \(\d+ vs\. \d+\)")


def said_by_library(code: grpc.StatusCode, detail: str, address: Path) -> Said | None:
    """What the library says of the connection to ``address``; None: the words are the daemon's.

    The one exception is ``TOO_LARGE``, which either side's gRPC library says in the same words.
    """
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        # Go's words for the same are "context deadline exceeded".
        return Said.NO_ANSWER if detail == "Deadline Exceeded" else None
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Said.TOO_LARGE if _TOO_LARGE.search(detail) else None
    if code is not grpc.StatusCode.UNAVAILABLE:
        return None
    if (why := _not_connected(detail, address)) is not None:
        if _NOBODY.search(why):
            return Said.NOBODY_LISTENS
        return Said.OTHER_PROTOCOL if _OTHER.search(why) else Said.NOT_CONNECTED
    return Said.BROKEN if _BROKEN.search(detail) else None


def reason(detail: str, address: Path) -> str:
    """The last part of what the library says: why, without the address and its own story."""
    return _not_connected(detail, address) or detail


def target(address: Path) -> str:
    """The name of a socket for the library, which reads it as a URI."""
    return f"unix:{quote(str(address))}"


def _not_connected(detail: str, address: Path) -> str | None:
    found = _CONNECTING.fullmatch(detail)
    return found[2] if found and unquote(found[1]) == str(address) else None
