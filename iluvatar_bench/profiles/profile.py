"""Profiles: one complete set of lifecycle choices, and the presets worth naming."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.profiles.collector import NATURAL_COLLECTOR, QUIET_COLLECTOR, Collector
from iluvatar_bench.profiles.level_names import (
    CgroupLevel,
    CollectionLevel,
    CpuShares,
    ImageEndLevel,
    SnapshotLevel,
    SnapshotterLevel,
)
from iluvatar_bench.profiles.limits import Limits
from iluvatar_bench.profiles.profile_file import names_a_file, read_profile
from iluvatar_bench.profiles.saved import saved_names, saved_path

_ADDED_LATER = (
    *("keep_alive", "stop", "health", "eviction", "prewarm", "retry", "creation_limit"),
    *("transport", "invoke_parallel", "restart", "runtime", "image_end", "cpu_shares"),
)
"""Factors of which runs of before know nothing: their defaults say what those did."""

_PATHS_ONLY = ("relative", "nested", "example")
"""Levels of ``cgroup`` that say something of a path: systemd's units have none to say it of."""


class Profile(BaseModel):
    """A frozen value; every field but ``name`` is a factor, and its values are the levels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "custom"

    snapshot_reference: SnapshotLevel = Field(
        description="what keeps the container's snapshot from the garbage collector: nothing; the "
        "record's snapshot_key, set before Prepare; a lease over Prepare until the record, with "
        "its snapshot_key, is made; that record after Prepare, without a lease (record_late); a "
        "lease alone, which expires while the container lives (lease_short) or is deleted by "
        "another client (lease_pruned); as lease, on a layer that nothing else holds "
        "(parent_unheld)"
    )
    cgroup: CgroupLevel = Field(
        description="one cgroupsPath for all containers; one for each; for all, without the slash "
        "that begins it (relative); every second container's below that of the one before it "
        "(nested); for all, the constant of a client example that was copied (example)"
    )
    cgroup_driver: Literal["cgroupfs", "systemd"] = Field(
        default="cgroupfs",
        description="who makes the cgroups: the runtime itself; or systemd as the runtime asks it "
        "to, with a cgroupsPath of the form slice:prefix:name, where systemd is the host's init",
    )
    kill: Literal["all", "init"] = Field(
        description="Kill with all=true (every process of the cgroup), or of the first process"
    )
    removal: Literal["ordered", "worker_2022"] = Field(
        description="Kill, await the exit, delete task, snapshot, record; or as the worker of "
        "2022: poll Tasks.Delete every 5 ms for up to 10 s, delete the record, leave the snapshot"
    )
    snapshotter: SnapshotterLevel = Field(
        default="overlayfs",
        description="which snapshotter makes the root file system; blockfile takes containerd 1.7 "
        "or later, erofs 2.1 or later, devmapper a kernel with thin pools",
    )
    runtime: Annotated[str, Field(pattern=r"^(?:[\w.-]+|/\S+)$")] = Field(
        default="runc",
        description="the OCI runtime of the containers: a program's name, or its absolute path",
    )
    collection: CollectionLevel = Field(
        default="natural",
        description="when containerd collects garbage: as it decides; never; or forced at one step "
        "on a collector that is quiet otherwise",
    )
    network: Literal["loopback", "bridge", "host"] = Field(
        default="loopback",
        description="a network namespace with loopback only; with an address on a bridge of ours, "
        "by the CNI plugins; or the host's own, with a port for each container",
    )
    server: Literal["flask", "gunicorn", "http_server"] = Field(
        default="flask",
        description="what serves the function: Flask's development server, as in 2022; gunicorn "
        "with one worker, as the later agent; or Python's own http.server, which takes no package "
        "and starts much sooner; for images that are built here",
    )
    byte_code: Literal["absent", "shipped"] = Field(
        default="absent",
        description="whether the image holds byte code; where it is absent, as in Docker's "
        "official Python images, a starting Python writes it into the container's own layer",
    )
    memory_limit_mib: Annotated[int, Field(ge=0, le=1 << 20)] = Field(
        default=0, description="the cgroup's memory limit in MiB; 0: none"
    )
    cpus: Annotated[float, Field(ge=0, le=1024)] = Field(
        default=0.0, description="processor time as a number of processors; 0: no limit"
    )
    cpu_shares: CpuShares = Field(
        default=0,
        description="weight beside others where processors are short, as the OCI specification's "
        "cpu.shares: 2 to 262144, and 1024 is usual; Kubernetes gives 2 to containers without a "
        "request; 0: not set",
    )
    open_files: Annotated[int, Field(ge=16, le=1 << 20)] = Field(
        default=1024, description="RLIMIT_NOFILE"
    )
    read_only_root: Literal["no", "yes"] = Field(
        default="no", description="whether the root file system is mounted read-only"
    )
    start_delay_ms: Annotated[int, Field(ge=0, le=60_000)] = Field(
        default=0, description="pause between Tasks.Create and Tasks.Start, in milliseconds"
    )
    keep_alive: Literal["running", "paused"] = Field(
        default="running",
        description="what a container does while it is kept for its next invocation: it runs; or "
        "it is paused (Tasks.Pause), and resumed before the invocation and before its removal",
    )
    stop: Literal["kill", "term_then_kill"] = Field(
        default="kill",
        description="how a container is ended: by SIGKILL; or by SIGTERM, and by SIGKILL where it "
        "still runs after 2 s",
    )
    health: Literal["none", "invoke"] = Field(
        default="none",
        description="how a pool learns that an idle container is of no use: containerd says that "
        "it has ended; or, as the worker of 2022, each second its function is invoked, a container "
        "that fails is marked, and removed in the next round: until then it is given requests",
    )
    eviction: Literal["lru", "ttl", "greedy_dual", "largest"] = Field(
        default="lru",
        description="which idle container of a pool goes where memory is needed: the least "
        "recently used; none before its keep-alive is over, so that arrivals wait (ttl); the one "
        "of the lowest age + uses / memory (greedy_dual); the one that counts for most memory",
    )
    prewarm: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="containers of each function that a pool starts before any arrival"
    )
    retry: Annotated[int, Field(ge=0, le=10)] = Field(
        default=0,
        description="how often a pool gives an arrival that failed to another container; its first "
        "failure stays in the table",
    )
    creation_limit: Annotated[int, Field(ge=0, le=512)] = Field(
        default=0,
        description="how many containers are made at a time, from Snapshots.Prepare to the answer "
        "of Tasks.Start; 0: no limit",
    )
    transport: Literal["tcp", "unix"] = Field(
        default="tcp",
        description="where a function listens: at an address; or at a unix socket in a folder of "
        "its container, which needs no network",
    )
    invoke_parallel: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="how many invocations a container is given at a time"
    )
    restart: Literal["none", "running"] = Field(
        default="none",
        description="containerd.io/restart.status of the record: none; or running, whereupon "
        "containerd's restart monitor sees to it that its task runs: it looks each second on a "
        "private containerd, every 10 s by default",
    )
    image_end: ImageEndLevel = Field(
        default="none",
        description="what becomes of the container's image, which is one of its own then, before "
        "its snapshot is made: nothing; another client prunes it (Images.Delete, sync); or it "
        "expires by its label containerd.io/gc.expire, which containerd heeds from 2.0 on; while a "
        "lease holds its layers (held), or nothing does (unheld)",
    )

    @model_validator(mode="after")
    def _one_layer_of_its_own(self) -> Self:
        if self.image_end != "none" and self.snapshot_reference == "parent_unheld":
            raise ValueError(
                f"image_end={self.image_end} does not go with snapshot_reference=parent_unheld: "
                "each makes the container a layer of its own"
            )
        return self

    @model_validator(mode="after")
    def _paths_need_a_driver_of_paths(self) -> Self:
        if self.cgroup_driver == "systemd" and self.cgroup in _PATHS_ONLY:
            raise ValueError(
                f"cgroup={self.cgroup} needs cgroup_driver=cgroupfs: systemd's units are no paths"
            )
        return self

    @property
    def factors(self) -> dict[str, str | int | float]:
        """Factor to level, in the order of the definition."""
        return self.model_dump(exclude={"name"})

    @property
    def fingerprint(self) -> str:
        """Eight characters that are equal exactly where all factors are, whatever the name.

        A factor that was added later, and is at its default, is left out: a profile of yesterday
        is the same today.
        """
        told = dict(self.factors)
        for name in _ADDED_LATER:
            if told[name] == Profile.model_fields[name].default:
                del told[name]
        levels = json.dumps(told, sort_keys=True)
        return hashlib.sha256(levels.encode()).hexdigest()[:8]

    @property
    def limits(self) -> Limits:
        """What a container of this profile may use."""
        return Limits(
            memory_limit_bytes=self.memory_limit_mib << 20,
            cpus=self.cpus,
            cpu_shares=self.cpu_shares,
            open_files=self.open_files,
            read_only_root=self.read_only_root == "yes",
        )

    @property
    def collector(self) -> Collector:
        """The collector settings this profile needs; forced collections need a quiet one."""
        return NATURAL_COLLECTOR if self.collection == "natural" else QUIET_COLLECTOR


PRESETS: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="iluvatar-2022-07",
            snapshot_reference="none",
            cgroup="shared",
            kill="all",
            removal="worker_2022",
        ),
        Profile(
            name="iluvatar-2022-08",
            snapshot_reference="none",
            cgroup="own",
            kill="all",
            removal="worker_2022",
        ),
        Profile(
            name="guarded",
            snapshot_reference="lease",
            cgroup="own",
            kill="init",
            removal="ordered",
        ),
    )
}
"""The worker that showed the bugs, the same a month later, and the one that does it right."""


def factor_names() -> tuple[str, ...]:
    """Every factor, in the order of the definition."""
    return tuple(name for name in Profile.model_fields if name != "name")


def factor_levels(factor: str) -> tuple[str, ...]:
    """The levels of a factor; empty for one that takes a number or, as ``runtime``, a name."""
    annotation = Profile.model_fields[factor].annotation
    return tuple(get_args(annotation)) if get_origin(annotation) is Literal else ()


def require_factor(name: str) -> None:
    """Refuse a name that is no factor's.

    Raises:
        UsageError: the message lists the factors there are.
    """
    if name not in factor_names():
        raise UsageError(f"no factor {name!r}{_hint(name, factor_names())}")


def resolve_profile(name: str, settings: Iterable[str] = ()) -> Profile:
    """A preset, a saved profile or a profile's file, changed by ``factor=level`` settings.

    Raises:
        UsageError: no such preset, file, factor or level; the message lists those there are.
    """
    base = named_profile(name)
    changes: dict[str, Any] = {}
    for setting in settings:
        factor, separator, level = setting.partition("=")
        if not separator:
            raise UsageError(f"{setting!r} is not of the form factor=level")
        require_factor(factor)
        levels = factor_levels(factor)
        if levels and level not in levels:
            raise UsageError(f"factor {factor} has no level {level!r}{_hint(level, levels)}")
        changes[factor] = level
    if not changes:
        return base
    title = f"{base.name}+{','.join(f'{k}={v}' for k, v in changes.items())}"
    return change_profile(base, changes, name=title)


def named_profile(name: str) -> Profile:
    """A preset, a profile's file (``.toml``, ``.json``), or a saved profile by its name.

    Raises:
        UsageError: none of them; the message lists those there are.
    """
    return _named(name, ())


def change_profile(profile: Profile, changes: Mapping[str, Any], *, name: str) -> Profile:
    """The profile with other levels of some factors, under a name of its own.

    Raises:
        UsageError: a level is not one of its factor's.
    """
    return _validated({**profile.model_dump(), **changes, "name": name})


def _named(name: str, below: tuple[Path, ...]) -> Profile:
    """``below`` are the files that have it as their base, each that of the one before it."""
    if name in PRESETS:
        return PRESETS[name]
    if names_a_file(name):
        # The base of a file may be a file beside it.
        path = (below[-1].parent if below else Path()) / Path(name).expanduser()
    elif name in saved_names():
        path = saved_path(name)
    else:
        raise UsageError(f"no profile {name!r}{_hint(name, (*PRESETS, *saved_names()))}")
    if path.resolve() in below:
        raise UsageError(f"{path} is its own base")
    return _from_file(path, (*below, path.resolve()))


def _from_file(path: Path, below: tuple[Path, ...]) -> Profile:
    fields = read_profile(path)
    base = fields.pop("base", None)
    if base is not None and not isinstance(base, str):
        raise UsageError(f"{path}: base is the name of a profile, not {base!r}")
    inherited = {} if base is None else _named(base, below).factors
    title = fields.get("name", path.stem)
    preset = PRESETS.get(title) if isinstance(title, str) else None
    taken = (
        f"the name {title} is that of a preset, and this is another profile: give it a name of its "
        "own (name = ...)"
    )
    try:
        profile = _validated({**inherited, "name": path.stem, **fields})
    except UsageError as error:
        told = f"{error}; {taken}" if preset is not None else str(error)
        raise UsageError(f"{path}: {told}") from error
    if preset is not None and preset != profile:
        raise UsageError(f"{path}: {taken}")
    return profile


def _validated(fields: Mapping[str, Any]) -> Profile:
    """The profile; all that is wrong with its fields is told at once.

    Raises:
        UsageError: something is.
    """
    try:
        return Profile.model_validate(fields)
    except ValidationError as error:
        raise UsageError("; ".join(map(_problem, error.errors()))) from error


def _problem(found: Any) -> str:
    """What is wrong with one field, in words, with the levels there are."""
    said = str(found["msg"]).removeprefix("Value error, ")
    if not found["loc"]:
        # Of the profile as a whole: two levels that do not go together.
        return said
    name = str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        return f"no factor {name!r}{meant(name, factor_names())}"
    levels = factor_levels(name) if name in factor_names() else ()
    one_of = f"one of {', '.join(levels)}"
    if found["type"] == "missing":
        return f"factor {name} is missing: {one_of}"
    given = found["input"]
    if levels:
        return f"factor {name} has no level {given!r}{meant(str(given), levels)}: {one_of}"
    if found["type"] == "string_pattern_mismatch":
        return f"factor {name}: {given!r} is not {Profile.model_fields[name].description}"
    if found["type"].endswith("_parsing") or found["type"].endswith("_type"):
        kind = "whole number" if Profile.model_fields[name].annotation is int else "number"
        return f"factor {name}: {given!r} is no {'text' if name == 'name' else kind}"
    for bound, words in (("ge", "at least"), ("le", "at most")):
        if bound in found.get("ctx", {}):
            return f"factor {name} must be {words} {found['ctx'][bound]:g}, not {given}"
    return f"factor {name}: {given!r} will not do: {said}"


def _hint(wrong: str, known: Iterable[str]) -> str:
    names = tuple(known)
    return f"{meant(wrong, names)}; there are: {', '.join(names)}"
