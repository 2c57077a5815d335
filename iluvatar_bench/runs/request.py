"""What was asked of a run, as its manifest keeps it: enough to go on with it later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from iluvatar_bench.functions import builtin_names
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK
from iluvatar_bench.profiles import Profile
from iluvatar_bench.runs.testbed import TestbedSettings

_PLAIN = (
    "pool_size",
    "ready_seconds",
    "sample_seconds",
    "pause_threshold",
    "log_collections",
    "away_seconds",
    "journal_sync_seconds",
    "witness",
)


def request_of(settings: TestbedSettings) -> dict[str, Any]:
    """The settings as JSON-ready values, but for its profile, which a manifest has anyway."""
    network = settings.network
    return {
        "functions": [_lasting(name) for name in settings.functions],
        "address": None if settings.address is None else str(settings.address.absolute()),
        **{name: getattr(settings, name) for name in _PLAIN},
        "network": {
            "subnet": str(network.subnet),
            "bridge": network.bridge,
            "homes": [str(home.absolute()) for home in network.homes],
        },
    }


def blueprint_of(request: Mapping[str, Any], profile: Profile) -> TestbedSettings:
    """The settings that :func:`request_of` wrote down.

    Raises:
        UsageError, EnvironmentProblem: as the constructor.
        KeyError, TypeError, ValueError: it is none.
    """
    network = request["network"]
    address = request["address"]
    return TestbedSettings(
        profiles=(profile,),
        functions=tuple(request["functions"]),
        address=None if address is None else Path(address),
        network=replace(
            DEFAULT_NETWORK,
            subnet=IPv4Network(network["subnet"]),
            bridge=network["bridge"],
            homes=tuple(map(Path, network["homes"])),
        ),
        # Runs of versions before it was a choice had the witness, or had none to ask.
        **{name: request[name] for name in _PLAIN if name in request or name != "witness"},
    )


def _lasting(name: str) -> str:
    """A function's folder by a name that holds in every working directory."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if name not in builtin_names() and folder.is_dir() else name
