"""Rules about what containers share: cgroups and PID namespaces; and specs nobody can read."""

from __future__ import annotations

from collections import defaultdict

from iluvatar_bench.audit.read.host import runtime_program
from iluvatar_bench.audit.read.spec_view import cgroup_of, has_own_pid_namespace, section
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context, NamespaceView
from iluvatar_bench.audit.rules.runtimes import shared_cgroup_effect
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import ContainerRecord

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

PID_NAMESPACE = Rule(
    name="pid_namespace_not_own",
    what="containers without a PID namespace of their own",
    why="The end of its first process does not end the rest: processes stay behind in the cgroup. "
    "And runc signals the whole cgroup of such a container: up to 1.1 on Kill(all), from 1.2 on "
    "any SIGKILL.",
    fix='Put `{"type": "pid"}` without a path into `linux.namespaces` of the spec.',
    source="https://github.com/opencontainers/runc/blob/v1.2.0/libcontainer/container_linux.go "
    "(Signal)",
    bug_classes=(BugClass.PROCESS_DIED,),
)

SPEC_UNREADABLE = Rule(
    name="spec_unreadable",
    what="container records whose spec cannot be parsed as an OCI runtime spec",
    why="Their cgroup and namespaces cannot be judged, and no runtime will start them.",
    fix="Store the spec as JSON with the type URL "
    "`types.containerd.io/opencontainers/runtime-spec/1/Spec` in Containers.Create.",
    source="https://github.com/opencontainers/runtime-spec/blob/main/config.md",
    bug_classes=(BugClass.CREATE_REJECTED,),
)


def broken_by_processes(context: Context) -> list[BrokenRule]:
    """Every rule about what containers share."""
    return [
        *_cgroup_shared(context),
        *_pid_namespace(context),
        *_spec_unreadable(context),
    ]


def sharing(context: Context) -> dict[str, list[tuple[NamespaceView, ContainerRecord]]]:
    """The records of each cgroup that several name, whatever their containerd namespace."""
    groups: dict[str, list[tuple[NamespaceView, ContainerRecord]]] = defaultdict(list)
    for view in context.views:
        for record in view.state.records.values():
            cgroup = cgroup_of(record)
            if cgroup is not None:
                groups[cgroup].append((view, record))
    return {cgroup: members for cgroup, members in groups.items() if len(members) > 1}


def _cgroup_shared(context: Context) -> list[BrokenRule]:
    objects, details = [], []
    programs: set[str] = set()
    running_together = False
    for cgroup, members in sharing(context).items():
        objects += [view.title(record.id) for view, record in members]
        running = sum(view.running(record.id) for view, record in members)
        running_together |= running > 1
        details.append(f"{cgroup}: {len(members)} containers, {running} running")
        programs.update(p for _, record in members if (p := runtime_program(record)))
    classes: list[BugClass] = []
    for program in sorted(programs):
        version = context.state.host.runtimes.get(program, "")
        effect = shared_cgroup_effect(version)
        details.append(f"under {version or f'{program} of unknown version'}, {effect.effect}")
        classes += [name for name in effect.bug_classes if name not in classes]
    return broken_rule(
        CGROUP_SHARED,
        Severity.HIGH if running_together else Severity.MEDIUM,
        objects,
        details=details,
        bug_classes=tuple(classes) or (BugClass.PROCESS_DIED,),
    )


def _pid_namespace(context: Context) -> list[BrokenRule]:
    objects = [
        view.title(record.id)
        for view in context.views
        for record in view.state.records.values()
        if section(record.spec, "linux") and not has_own_pid_namespace(record)
    ]
    return broken_rule(PID_NAMESPACE, Severity.MEDIUM, objects)


def _spec_unreadable(context: Context) -> list[BrokenRule]:
    problems = {
        view.title(record.id): record.spec_problem
        for view in context.views
        for record in view.state.records.values()
        if record.spec_problem
    }
    details = [f"{name}: {problem}" for name, problem in sorted(problems.items())[:3]]
    return broken_rule(SPEC_UNREADABLE, Severity.LOW, problems, details=details)
