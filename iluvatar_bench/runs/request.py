"""What was asked of a run, as its manifest keeps it: enough to go on with it later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from iluvatar_bench.errors import IluvatarBenchError, UsageError
from iluvatar_bench.functions import builtin_names
from iluvatar_bench.host.network.attachment import DEFAULT_NETWORK
from iluvatar_bench.plans import ChurnPlan, ColdStartPlan
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
        "functions": [lasting(name) for name in settings.functions],
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


def asked_of(
    path: Path,
    manifest: Mapping[str, Any],
    done: str,
    *,
    functions: tuple[str, ...] | None = None,
) -> tuple[TestbedSettings, ColdStartPlan | ChurnPlan]:
    """The settings and the plan of a run that is to be ``done`` (resumed, repeated).

    ``functions`` are others to take in the place of those asked for, in their order.

    Raises:
        UsageError: the manifest does not say; or as the constructors.
        EnvironmentProblem: as the constructor of the settings.
    """
    if "request" not in manifest:
        raise UsageError(
            f"{path} cannot be {done}: it is a study, or of a version that did not keep what was "
            "asked of a run"
        )
    document = manifest["plan"]
    with damaged_told(path, done):
        profile = Profile.model_validate(manifest["profile"])
        request = dict(manifest["request"])
        if functions is not None:
            request["functions"] = functions
        settings = blueprint_of(request, profile)
        if "arrivals" not in document:
            return settings, ColdStartPlan.from_json(document)
        return settings, _served(ChurnPlan.from_json(document), settings.functions)


@contextmanager
def damaged_told(path: Path, done: str) -> Iterator[None]:
    """Says of a manifest that is not of its form that it is damaged.

    Raises:
        UsageError: it is.
    """
    try:
        yield
    except IluvatarBenchError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} cannot be {done}: its manifest is damaged: {error}") from error


def _served(plan: ChurnPlan, functions: tuple[str, ...]) -> ChurnPlan:
    """The plan with its functions by the names that the settings have for them, as they stand."""
    sources = dict.fromkeys(function.source for function in plan.functions)
    names = dict(zip(sources, functions, strict=True))
    return replace(
        plan, functions=tuple(replace(one, source=names[one.source]) for one in plan.functions)
    )


def lasting(name: str) -> str:
    """A function's folder by a name that holds in every working directory."""
    folder = Path(name).expanduser()
    return str(folder.resolve()) if name not in builtin_names() and folder.is_dir() else name
