"""Rules about the cgroups that containers' specs name: equal, nested, relative, or copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from iluvatar_bench.audit.read.host import runtime_program
from iluvatar_bench.audit.read.spec_view import (
    cgroup_is_relative,
    cgroup_of,
    is_unit,
    unit_of,
)
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.cgroup_groups import Member
from iluvatar_bench.audit.rules.context import Context
from iluvatar_bench.audit.rules.runtimes import shared_cgroup_effect
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import ContainerRecord
from iluvatar_bench.count_words import count_of
from iluvatar_bench.host.kernel.cgroup_names import EXAMPLE_PATH

CGROUP_SHARED = Rule(
    name="cgroup_shared",
    what="containers that share a cgroup with another",
    why="A runtime signals a container's processes by its cgroup, so what is meant for one hits "
    "all; limits and counters are of all together as well.",
    fix="Give each container a `linux.cgroupsPath` of its own in its spec, as in "
    "`/<namespace>/<container id>`.",
    source="https://github.com/opencontainers/runc/blob/v1.1.5/libcontainer/init_linux.go "
    "(signalAllProcesses)",
)

CGROUP_NESTED = Rule(
    name="cgroup_nested",
    what="containers whose cgroup lies below another container's",
    why="What a runtime does to the processes of a cgroup it does to those below it: a Kill(all) "
    "of the upper container ends the lower ones too; its limits hold for all together.",
    fix="Give each container a `linux.cgroupsPath` beside the others', as in "
    "`/<namespace>/<container id>`.",
    source="https://github.com/opencontainers/runc/blob/v1.1.5/libcontainer/cgroups/"
    "getallpids.go (GetAllPids)",
)

CGROUP_OF_EXAMPLE = Rule(
    name="cgroup_of_example",
    what=f"containers whose cgroup is the constant of a client example, {EXAMPLE_PATH}",
    why="It is the same for every container made so: the second one shares it with the first.",
    fix="Give each container a `linux.cgroupsPath` of its own in its spec, as in "
    "`/<namespace>/<container id>`.",
    source="https://github.com/containerd/rust-extensions/blob/6fb72d3/crates/client/examples/"
    "container_spec.json (line 113)",
    bug_classes=(BugClass.PROCESS_DIED, BugClass.SILENT_STARTUP, BugClass.CREATE_REJECTED),
)

CGROUP_RELATIVE = Rule(
    name="cgroup_relative",
    what="containers whose cgroup's path has no slash in front",
    why="runc puts it below its own cgroup, which is containerd's (beside it with cgroup version "
    "2): the limits of containerd's unit hold for the container, and systemd may end it with that "
    "unit. By itself it harms no neighbour.",
    fix="Begin `linux.cgroupsPath` with a slash, as in `/<namespace>/<container id>`.",
    source="https://github.com/opencontainers/runc/blob/v1.1.5/libcontainer/cgroups/fs/paths.go "
    "(path)",
)


CGROUP_NOT_JOINED = Rule(
    name="cgroup_not_joined",
    what="running containers whose process is in another cgroup than their spec says",
    why="None of the limits of its cgroup holds for it, and what a runtime does by the cgroup "
    "misses it: Kill(all), freezing, its share in memory and processor time.",
    fix="Give each container a `linux.cgroupsPath` of its own, and use runc 1.1.6 or later: up to "
    "1.1.5 it takes a unit of systemd's that exists for its own.",
    source="https://github.com/opencontainers/runc/issues/3780",
    bug_classes=(BugClass.DEADLINE, BugClass.REMOVAL_FAILED),
)


def broken_by_cgroups(context: Context) -> list[BrokenRule]:
    """Every rule about the paths of cgroups."""
    return [
        *_shared(context),
        *_nested(context),
        *_of_example(context),
        *_relative(context),
        *_not_joined(context),
    ]


def is_of_example(record: ContainerRecord) -> bool:
    """Whether a record's cgroup is that of the example that workers copied, wherever it lies."""
    return (cgroup_of(record) or "").endswith(f"/{EXAMPLE_PATH}")


def _shared(context: Context) -> list[BrokenRule]:
    groups = context.cgroups.shared
    objects, details = [], []
    running_together = False
    for cgroup, members in groups.items():
        objects += [view.title(record.id) for view, record in members]
        running = sum(view.running(record.id) for view, record in members)
        running_together |= running > 1
        said = ", which an example has" if is_of_example(members[0][1]) else ""
        details.append(f"{cgroup}{said}: {count_of(len(members), 'container')}, {running} running")
        if any(cgroup_is_relative(record) for _, record in members):
            details.append(f"{cgroup} is relative: it lies below containerd's own cgroup")
        if all(cgroup_of(record) is None for _, record in members):
            details.append(f"{cgroup} is what the runtime makes of their id: the specs name none")
    effects, classes = _effects(context, groups)
    return broken_rule(
        CGROUP_SHARED,
        Severity.HIGH if running_together else Severity.MEDIUM,
        objects,
        details=[*details, *effects],
        bug_classes=classes,
    )


def _nested(context: Context) -> list[BrokenRule]:
    groups = context.cgroups.nested
    objects, details = [], []
    at_risk = False
    for path, members in sorted(groups.items()):
        upper = context.cgroups.upper[path]
        objects += [view.title(record.id) for view, record in members]
        at_risk |= any(view.running(record.id) for view, record in members) and any(
            view.running(record.id) for view, record in upper
        )
        names = ", ".join(sorted(view.title(record.id) for view, record in upper)[:3])
        details.append(f"{path} is below that of {names}")
    effects, classes = _effects(context, groups)
    return broken_rule(
        CGROUP_NESTED,
        Severity.HIGH if at_risk else Severity.MEDIUM,
        objects,
        details=[*details[:3], *effects],
        bug_classes=classes,
    )


def _effects(
    context: Context, groups: Mapping[str, Iterable[Member]]
) -> tuple[list[str], tuple[BugClass, ...]]:
    """What each runtime of these records makes of it, in words and as bug classes."""
    members = [record for group in groups.values() for _, record in group]
    programs = {
        (program, is_unit(cgroup_of(record) or ""))
        for record in members
        if (program := runtime_program(record))
    }
    said: list[str] = []
    classes: dict[BugClass, None] = {}
    for program, by_systemd in sorted(programs):
        version = context.state.host.runtimes.get(program, "")
        effect = shared_cgroup_effect(version, by_systemd=by_systemd)
        said.append(f"under {version or f'{program} of unknown version'}, {effect.effect}")
        classes |= dict.fromkeys(effect.bug_classes)
    return said, tuple(classes) or (BugClass.PROCESS_DIED,)


def _of_example(context: Context) -> list[BrokenRule]:
    """Those that have it to themselves, so far."""
    return broken_rule(CGROUP_OF_EXAMPLE, Severity.MEDIUM, _alone(context, is_of_example))


def _relative(context: Context) -> list[BrokenRule]:
    alone = _alone(context, lambda r: cgroup_is_relative(r) and not is_of_example(r))
    return broken_rule(CGROUP_RELATIVE, Severity.LOW, alone)


def _alone(context: Context, is_so: Callable[[ContainerRecord], bool]) -> list[str]:
    """The containers that share no cgroup, of which it is so."""
    told = {
        view.title(record.id)
        for members in context.cgroups.shared.values()
        for view, record in members
    }
    return [
        name
        for view in context.views
        for record in view.state.records.values()
        if is_so(record) and (name := view.title(record.id)) not in told
    ]


def _not_joined(context: Context) -> list[BrokenRule]:
    """Of the containers that run, as the kernel says.

    A relative path has no one place to be, and what a runtime makes where none is named depends on
    its driver.
    """
    objects, details = [], []
    for view in context.views:
        for record in view.state.records.values():
            asked = cgroup_of(record)
            real = context.state.host.cgroups.get((view.state.name, record.id))
            if asked is None or asked == "/" or real is None or cgroup_is_relative(record):
                continue
            wanted = f"/{unit_of(asked)}" if is_unit(asked) else asked
            if f"{wanted}/" not in f"{real}/":
                objects.append(view.title(record.id))
                details.append(f"{view.title(record.id)} is in {real}, not in {wanted}")
    return broken_rule(CGROUP_NOT_JOINED, Severity.HIGH, objects, details=sorted(details)[:3])
