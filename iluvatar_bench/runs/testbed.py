"""What an experiment stands on: one containerd, the images, the networks, for every profile in it.

Trials of different profiles run side by side on one daemon, so that its drift cannot pass for an
effect of a factor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from iluvatar_bench.containerd.daemon.place import require_root
from iluvatar_bench.containerd.daemon.private import Node, existing_daemon
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import ContainerdError, UsageError
from iluvatar_bench.functions import (
    BuildOptions,
    BuiltImage,
    Function,
    StoredImage,
    daemon_with,
    find_source,
    image_of,
    require_buildable,
)
from iluvatar_bench.host.host_noise import Noise, read_noise
from iluvatar_bench.host.journal import SYNC_SECONDS
from iluvatar_bench.host.kernel.cgroup_names import CgroupDriver
from iluvatar_bench.host.kernel.init_system import require_driver
from iluvatar_bench.host.network.attachment import (
    DEFAULT_NETWORK,
    AddressBook,
    NetworkMode,
    NetworkSettings,
)
from iluvatar_bench.host.network.network_pool import NetworkPool, open_pool
from iluvatar_bench.host.network.networks import open_network
from iluvatar_bench.host.network.socket_folders import SocketFolders
from iluvatar_bench.host.oci_runtime import require_runtime
from iluvatar_bench.host.process_limits import raise_descriptor_limit
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.lifecycle.container import STARTUP_SECONDS
from iluvatar_bench.lifecycle.invocation import Invoker, open_invoker
from iluvatar_bench.monitor import Monitor, open_monitor, open_witness
from iluvatar_bench.monitor.collection_follow import CollectionReader, follow_collections
from iluvatar_bench.monitor.memory import PERIOD_SECONDS
from iluvatar_bench.profiles import Profile
from iluvatar_bench.profiles.collector import Collector
from iluvatar_bench.runs.collections import CollectionJournal
from iluvatar_bench.runs.daemon_watch import AWAY_SECONDS, DaemonWatch, follow_daemon
from iluvatar_bench.runs.kept_limits import require_kept_limits, require_memory
from iluvatar_bench.runs.live_steps import OnStep
from iluvatar_bench.runs.observations import ObservationJournals
from iluvatar_bench.runs.room import told_as_full
from iluvatar_bench.runs.run_log import logged
from iluvatar_bench.runs.store import RunFolder
from iluvatar_bench.runs.trial import Setting

log = logging.getLogger(__name__)

MAX_SAMPLE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestbedSettings:
    """A testbed before it is opened: everything is checked, nothing is started.

    ``functions`` are built-in functions, folders of functions, or images on disk
    (``functions.images``). ``address`` is the socket of a containerd that runs already; without it
    a private one is started. ``pool_size`` networks are kept warm for each network mode (0: each
    is made when it is needed). ``network`` is the bridge, its subnet and the CNI plugins; its mode
    is the profile's factor. Every ``sample_seconds`` the memory of each container is read (0:
    never).

    Raises:
        UsageError: a name or number is wrong, the profiles need different collectors, or
            ``network`` would have no effect.
        EnvironmentProblem: a profile has systemd make the cgroups, which is not this host's init,
            or sets a limit whose controller this host does not have; MissingProgram: one names an
            OCI runtime that is not installed.
    """

    profiles: tuple[Profile, ...]
    functions: tuple[str, ...] = ("hello",)
    address: Path | None = None
    pool_size: int = 0
    ready_seconds: float = STARTUP_SECONDS
    network: NetworkSettings = DEFAULT_NETWORK
    sample_seconds: float = PERIOD_SECONDS
    pause_threshold: float | None = None
    """Another one for the collector of a private containerd; None: the profile's collector."""
    log_collections: bool = True
    """Whether the log of a private containerd is to tell of every collection, for the table of
    them: its level is ``debug`` then."""
    away_seconds: float = AWAY_SECONDS
    """How long containerd may be away before the run gives it up."""
    journal_sync_seconds: float = SYNC_SECONDS
    """How much of the run's journals the end of the host may take."""
    witness: bool = True
    """Whether the kernel is to record who sends which signal, where it lets us."""

    def __post_init__(self) -> None:
        if not self.ready_seconds > 0:
            raise UsageError(f"ready_seconds must be above 0, not {self.ready_seconds:g}")
        if not 0 <= self.sample_seconds <= MAX_SAMPLE_SECONDS:
            raise UsageError(
                f"sample_seconds must be between 0 (off) and {MAX_SAMPLE_SECONDS:g}, "
                f"not {self.sample_seconds:g}"
            )
        if not 0 <= self.away_seconds <= MAX_SAMPLE_SECONDS:
            raise UsageError(
                f"away_seconds must be between 0 and {MAX_SAMPLE_SECONDS:g}, "
                f"not {self.away_seconds:g}"
            )
        if not 0.01 <= self.journal_sync_seconds <= MAX_SAMPLE_SECONDS:
            raise UsageError(
                f"journal_sync_seconds must be between 0.01 and {MAX_SAMPLE_SECONDS:g}, "
                f"not {self.journal_sync_seconds:g}"
            )
        collectors = {profile.collector for profile in self.profiles}
        if len(collectors) != 1:
            raise UsageError(
                "one containerd has one collector: profiles with collection=natural and with any "
                "other level of it cannot share a run"
            )
        forced = [p.collection for p in self.profiles if p.collection != "natural"]
        if self.address is not None and forced:
            raise UsageError(
                f"collection={forced[0]} needs a private containerd: "
                "the collector of a running one is not ours to set"
            )
        if self.address is not None and self.pause_threshold is not None:
            raise UsageError("pause_threshold needs a private containerd")
        asked = [(n.subnet, n.bridge, n.homes) for n in (self.network, DEFAULT_NETWORK)]
        if asked[0] != asked[1] and not self.bridged:
            raise UsageError(
                "subnet, bridge and CNI plugins are for containers on a bridge; "
                "choose network=bridge, or leave them away"
            )
        for driver in {profile.cgroup_driver for profile in self.profiles}:
            require_driver(CgroupDriver(driver))
        for runtime in dict.fromkeys(profile.runtime for profile in self.profiles):
            require_runtime(runtime)
        for profile in self.profiles:
            require_kept_limits(profile)
        for source in self.sources:
            for profile in self.profiles:
                require_buildable(source, build_options(profile))
                require_memory(source, profile)

    @property
    def sources(self) -> tuple[Function | StoredImage, ...]:
        """What the containers are made from, in the order of ``functions``."""
        return tuple(find_source(name) for name in self.functions)

    @property
    def bridged(self) -> bool:
        """Whether any profile puts its containers on the bridge."""
        return NetworkMode.BRIDGE in self.network_modes

    @property
    def network_modes(self) -> tuple[NetworkMode, ...]:
        """Every kind of network that a profile needs: none where functions are behind sockets."""
        on_networks = [profile for profile in self.profiles if profile.transport == "tcp"]
        return tuple(dict.fromkeys(NetworkMode(profile.network) for profile in on_networks))

    @property
    def collector(self) -> Collector:
        """The collector settings that the profiles need."""
        collector = self.profiles[0].collector
        if self.pause_threshold is None:
            return collector
        return replace(collector, pause_threshold=self.pause_threshold)

    @property
    def snapshotters(self) -> tuple[str, ...]:
        """Every snapshotter that a profile uses."""
        return tuple(sorted({profile.snapshotter for profile in self.profiles}))


def build_options(profile: Profile) -> BuildOptions:
    """How a function's image is built under a profile."""
    return BuildOptions(server=profile.server, byte_code=profile.byte_code == "shipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Testbed:
    """An open testbed. Images and networks are those of the settings' profiles."""

    run_id: str
    settings: TestbedSettings
    node: Node
    kills: KillLog
    images: Mapping[tuple[str, BuildOptions], ImportedImage]
    networks: Mapping[NetworkMode, tuple[NetworkPool, Invoker]]
    sockets: tuple[SocketFolders, Invoker] | None
    """For the profiles whose functions are behind unix sockets; None where none is."""
    creations: Mapping[str, asyncio.Semaphore]
    """The turns of those that are being made at a time, by the fingerprint of a profile that has a
    limit."""
    monitor: Monitor
    daemon: DaemonWatch
    observations: ObservationJournals
    """Where what the monitor sees is written down."""
    collections: tuple[CollectionReader, CollectionJournal] | None
    """Who reads of them in containerd's log, and where they are written down; None: nobody does."""
    noise: Noise
    """The host before anything of this was started: what others do on it."""
    session: int = 1
    """How often the run was begun; see ``RunFolder``."""

    def setting(self, profile: Profile, function: str, *, on_step: OnStep | None = None) -> Setting:
        """What the trials of one function under one profile have in common.

        ``function`` is the name that containers of it carry; ``on_step`` is told of each step that
        a container begins.

        Raises:
            KeyError: the settings does not hold them.
        """
        networks: NetworkPool | SocketFolders
        if profile.transport == "unix":
            assert self.sockets is not None
            networks, invoker = self.sockets
        else:
            networks, invoker = self.networks[NetworkMode(profile.network)]
        return Setting(
            run_id=self.run_id,
            node=self.node,
            image=self.images[function, build_options(profile)],
            profile=profile,
            kills=self.kills,
            networks=networks,
            invoker=invoker,
            ready_seconds=self.settings.ready_seconds,
            monitor=self.monitor,
            daemon=self.daemon,
            creations=self.creations.get(profile.fingerprint),
            session=self.session,
            on_step=on_step,
        )


@asynccontextmanager
async def open_testbed(settings: TestbedSettings, folder: RunFolder) -> AsyncIterator[Testbed]:
    """Build the images, open the networks, start containerd, import the images.

    A private containerd's log goes to the run's folder.

    Raises:
        EnvironmentProblem: the host lacks something; DiskFull: containerd has no room for the
            images.
        ImageError, NetworkError: an image or a network could not be made.
    """
    # Building the images takes its time, and is for nothing where containers cannot be run.
    require_root("running containers")
    raise_descriptor_limit()
    noise = read_noise()
    async with AsyncExitStack() as stack:
        stack.enter_context(logged(folder.path))
        # Its journals are written to as long as the testbed is open.
        stack.callback(folder.close)
        layouts = {
            (source.container_name, options): await asyncio.to_thread(image_of, source, options)
            for source in settings.sources
            for options in dict.fromkeys(map(build_options, settings.profiles))
        }
        log.info("images are built: %s", ", ".join(name for name, _ in layouts))
        # Before containerd: it ends the containers first, and only then their networks go.
        networks = {
            mode: await stack.enter_async_context(_network(settings, mode))
            for mode in settings.network_modes
        }
        node = await stack.enter_async_context(_node(settings, folder, (*layouts.values(),)))
        log.info("containerd answers at %s", node.address)
        images = {
            key: await _imported(node, built, settings.snapshotters)
            for key, built in layouts.items()
        }
        log.info("images are imported")
        observations = ObservationJournals(folder)
        journal = CollectionJournal(folder.collections)
        collections = await stack.enter_async_context(
            follow_collections(node.log if settings.log_collections else None, journal.note)
        )
        witness = await stack.enter_async_context(open_witness(wanted=settings.witness))
        yield Testbed(
            run_id=folder.run_id,
            settings=settings,
            node=node,
            kills=KillLog(),
            images=images,
            networks=networks,
            sockets=await stack.enter_async_context(_sockets(settings, node)),
            creations={
                profile.fingerprint: asyncio.Semaphore(profile.creation_limit)
                for profile in settings.profiles
                if profile.creation_limit
            },
            # Last, so that it sees the workload and nothing of what came before.
            monitor=await stack.enter_async_context(
                open_monitor(
                    node.client,
                    sample_seconds=settings.sample_seconds,
                    sink=observations,
                    witness=witness,
                )
            ),
            daemon=await stack.enter_async_context(
                follow_daemon(node.client, node.address, away_seconds=settings.away_seconds)
            ),
            observations=observations,
            collections=None if collections is None else (collections, journal),
            noise=noise,
            session=folder.session,
        )


async def _imported(node: Node, built: BuiltImage, snapshotters: tuple[str, ...]) -> ImportedImage:
    try:
        return await import_layout(
            node.client, built.layout, name=built.name, snapshotters=snapshotters
        )
    except ContainerdError as error:
        full = told_as_full(node, error)
        if full is None:
            raise
        raise full from error


@asynccontextmanager
async def _node(
    settings: TestbedSettings, folder: RunFolder, images: tuple[BuiltImage, ...]
) -> AsyncIterator[Node]:
    if settings.address is not None:
        async with existing_daemon(settings.address) as node:
            yield node
        return
    async with daemon_with(
        images,
        snapshotters=settings.snapshotters,
        collector=settings.collector,
        log_path=folder.path / "containerd.log",
        log_level="debug" if settings.log_collections else "info",
        restart_monitor=any(profile.restart != "none" for profile in settings.profiles),
    ) as node:
        yield node


@asynccontextmanager
async def _sockets(
    settings: TestbedSettings, node: Node
) -> AsyncIterator[tuple[SocketFolders, Invoker] | None]:
    if all(profile.transport == "tcp" for profile in settings.profiles):
        yield None
        return
    book = AddressBook()
    folders = SocketFolders(node.scratch, book)
    async with open_invoker(book) as invoker:
        yield folders, invoker


@asynccontextmanager
async def _network(
    settings: TestbedSettings, mode: NetworkMode
) -> AsyncIterator[tuple[NetworkPool, Invoker]]:
    async with (
        open_network(replace(settings.network, mode=mode)) as network,
        open_pool(network, size=settings.pool_size) as pool,
        open_invoker(network.book) as invoker,
    ):
        yield pool, invoker
