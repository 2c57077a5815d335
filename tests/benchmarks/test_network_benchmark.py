from __future__ import annotations

from pathlib import Path

from iluvatar_bench.benchmarks.network import measure_network, table
from iluvatar_bench.host.network.attachment import NetworkMode
from tests.support.networks import needs_root, own_settings

pytestmark = needs_root(bridge=True)


async def test_each_is_measured_and_nothing_is_left(short_folder: Path) -> None:
    settings = own_settings(short_folder / "net", NetworkMode.BRIDGE)
    frame = table(await measure_network(count=5, settings=settings))
    assert list(frame["what"]) == [
        "namespace attach",
        "namespace detach",
        "bridge attach",
        "bridge detach",
        "pool hand-out",
        "first invoke",
        "warm invoke",
    ]
    assert (frame["count"] == 5).all()
    assert (frame["median_ms"] > 0).all()
    assert not settings.home.exists()
