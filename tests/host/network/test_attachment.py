from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from iluvatar_bench.errors import AddressRefused, UsageError
from iluvatar_bench.host.network.attachment import NetworkMode, NetworkSettings
from iluvatar_bench.host.network.networks import open_network


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bridge": "eth0"}, "must begin with 'ilb'"),
        ({"bridge": "ilb-much-too-long"}, "at most 15 characters"),
        ({"subnet": IPv4Network("10.10.0.0/31")}, "between 8 and 30"),
        ({"subnet": IPv4Network("8.8.8.0/24")}, "is not a private range"),
        ({"port": 0}, "port 0 is not between"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        NetworkSettings(**change)


async def test_each_container_on_the_host_has_a_port_of_its_own() -> None:
    async with open_network(NetworkSettings(mode=NetworkMode.HOST)) as network:
        attachments = [await network.attach() for _ in range(20)]
        assert len({attachment.port for attachment in attachments}) == 20
        assert {attachment.namespace for attachment in attachments} == {None}
        for attachment in attachments:
            await network.detach(attachment)
            with pytest.raises(AddressRefused):
                await network.check(attachment)
