"""Who may act at a call that passes a proxy: what a fault needs to be put at a position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class PassingCall:
    """A call while it passes: what is known of it from its first message and its metadata."""

    number: int
    method: str
    namespace: str | None
    lease: str | None
    peer_pid: int | None
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status that the client gets in the place of the daemon's."""

    code: grpc.StatusCode
    details: str


class CallHook(Protocol):
    """Acts at calls. Each method holds up its own call only; others of the client go on."""

    async def before(self, call: PassingCall) -> Refusal | None:
        """Called before a call is passed on; with a refusal it never is."""
        ...

    def loses_answer(self, call: PassingCall) -> bool:
        """Whether the answer of this call, which is carried out, is to be kept from the client.

        Of a call that answers with a stream the stream breaks with its first message; of
        Content.Write, which answers each part, it is the answer to the commit.
        """
        ...

    async def after(self, call: PassingCall, status: str) -> None:
        """Called once a call was carried out, before the client learns of it."""
        ...
