"""Unix sockets in the place of networks: a folder for each container, in which it listens."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.network.attachment import AddressBook, Attachment, NetworkMode

LONGEST_PATH_BYTES = 107
"""Of a unix socket (unix(7): 108 with the zero byte that ends it)."""

_NAME = "function"


class SocketFolders:
    """Hands out folders below ``home``, which must be there, as attachments in ``book``.

    Raises:
        UnusablePath: ``home`` is so long a path that no socket below it could be used.
    """

    def __init__(self, home: Path, book: AddressBook) -> None:
        self._home = home / "sockets"
        longest = self._folder(999_999) / _NAME
        if len(bytes(longest)) > LONGEST_PATH_BYTES:
            raise UnusablePath(
                f"{longest} is longer than the {LONGEST_PATH_BYTES} bytes that a unix socket may "
                "have; choose transport=tcp"
            )
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._book = book
        self._numbers = count()

    def _folder(self, number: int) -> Path:
        return self._home / str(number)

    async def acquire(self) -> Attachment:
        """A folder of its own for one container.

        Raises:
            OSError: it cannot be made.
        """
        number = next(self._numbers)
        folder = self._folder(number)
        folder.mkdir(mode=0o700)
        attachment = Attachment(
            id=f"socket-{number}",
            mode=NetworkMode.SOCKET,
            address="",
            port=0,
            device="",
            socket=folder / _NAME,
        )
        self._book.add(attachment)
        return attachment

    async def release(self, attachment: Attachment) -> None:
        """Take it back; none is used twice.

        Raises:
            OSError: it cannot be removed.
        """
        self._book.discard(attachment)
        assert attachment.socket is not None
        shutil.rmtree(attachment.socket.parent)
