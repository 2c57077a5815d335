"""The event loop's clock, set ahead: what has to take long in a test need not."""

from __future__ import annotations

import asyncio

import pytest


def set_ahead(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """For the running loop so much time has passed, from this moment on.

    A limit that is short enough to be waited for is at times shorter than what a busy host needs
    to come to the thing that is to be late.
    """
    loop = asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + seconds)
