"""Unix sockets in the place of networks: a folder each, short enough, and gone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.errors import AddressRefused, UnusablePath
from iluvatar_bench.host.network.attachment import AddressBook, NetworkMode
from iluvatar_bench.host.network.socket_folders import SocketFolders


async def test_each_container_has_a_folder_of_its_own_until_it_is_given_back(
    short_folder: Path,
) -> None:
    book = AddressBook()
    folders = SocketFolders(short_folder, book)
    first, second = await folders.acquire(), await folders.acquire()
    assert first.socket is not None
    assert second.socket is not None
    assert first.socket.parent != second.socket.parent
    assert first.mode is NetworkMode.SOCKET
    assert book.require(first.id) == first
    first.socket.touch()
    await folders.release(first)
    assert not first.socket.parent.exists()
    assert second.socket.parent.is_dir()
    with pytest.raises(AddressRefused):
        book.require(first.id)


def test_a_folder_too_deep_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnusablePath, match=r"107 bytes .* choose transport=tcp"):
        SocketFolders(tmp_path / ("x" * 100), AddressBook())
