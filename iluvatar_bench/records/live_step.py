"""What a run tells of its containers while it goes, before any of them has ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStep:
    """A step that one container has begun now.

    ``trial`` and ``container_id`` are those of the ``Trial`` that it becomes; ``step`` is
    ``submitted`` at first, then as in ``Trial.failed_step`` or ``alive``.
    """

    trial: int
    container_id: str
    function: str
    step: str
