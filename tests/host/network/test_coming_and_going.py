"""Owners of networks that come and go: whoever looks, or comes, meanwhile is not disturbed."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from iluvatar_bench.host.network.bridge_use import BridgePlace
from iluvatar_bench.host.network.network_residue import holdings
from iluvatar_bench.host.network.ownership import claim_owner, exclusive
from tests.support.networks import needs_root

pytestmark = needs_root()

LOOKS = 2000


def test_stock_is_taken_while_the_folder_goes_with_the_last_and_comes_with_the_next(
    short_folder: Path,
) -> None:
    home = short_folder / "net"
    ended = Event()

    def come_and_go(name: str) -> int:
        place = BridgePlace(name, home / "bridges" / name)
        times = 0
        while not ended.is_set():
            with claim_owner(home):
                with exclusive(home):
                    (place.ipam / place.name).mkdir(parents=True)
                with exclusive(home):
                    shutil.rmtree(place.folder)
            times += 1
        return times

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(come_and_go, name) for name in ("ilbt1", "ilbt2")]
        try:
            for _ in range(LOOKS):
                assert holdings(home).namespaces == ()
        finally:
            ended.set()
        assert all(other.result() > 0 for other in others)
    assert not home.exists()
