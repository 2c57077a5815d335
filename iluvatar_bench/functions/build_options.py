"""How an image is built from a function: two factors of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from iluvatar_bench.errors import UsageError

Server = Literal["flask", "gunicorn", "http_server"]

READY_TEXTS: dict[Server, str] = {
    "flask": "Running on",
    # With preload_app it is said after the function was imported: see server/gunicorn.conf.py.
    "gunicorn": "Listening at: http://",
    "http_server": "Running on",
}
"""What each server writes to stderr once it listens."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Which server runs the function, and whether the image holds byte code.

    ``flask`` is Flask's development server, as in the worker of 2022; ``gunicorn`` serves the same
    application, as in its later agent; ``http_server`` answers the same requests with Python's own
    and has no package, so that it starts in a fraction of the time. Without byte code, as in
    Docker's official Python images, a starting Python writes ``__pycache__`` into the container's
    own writable layer.
    """

    server: Server = "flask"
    byte_code: bool = False

    def __post_init__(self) -> None:
        """Hold the server to those there are.

        Raises:
            UsageError: no such server.
        """
        if self.server not in get_args(Server):
            raise UsageError(f"no server {self.server!r}; there are: {', '.join(get_args(Server))}")

    @property
    def ready_text(self) -> str:
        """What the function's stderr says once it is ready."""
        return READY_TEXTS[self.server]

    @property
    def tag(self) -> str:
        """Marks the image's name; empty for the default."""
        return "".join(
            mark
            for mark, wanted in (
                (f"-{self.server}", self.server != "flask"),
                ("-byte-code", self.byte_code),
            )
            if wanted
        )
