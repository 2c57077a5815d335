"""Rules about PID namespaces that are not a container's own, and about specs nobody can read."""

from __future__ import annotations

from iluvatar_bench.audit.read.spec_view import has_own_pid_namespace, section
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import ContainerRecord

PID_NAMESPACE = Rule(
    name="pid_namespace_not_own",
    what="containers without a PID namespace of their own that share a cgroup",
    why="runc signals the whole cgroup of such a container: up to 1.1 on Kill(all), from 1.2 on "
    "any SIGKILL; and its shim does so as well once its first process has ended. What is meant for "
    "one ends the others of the cgroup.",
    fix='Give each container a `linux.cgroupsPath` of its own; or put `{"type": "pid"}` without a '
    "path into `linux.namespaces` of the spec.",
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
    """Every rule about processes and what starts them."""
    return [
        *_pid_namespace(context),
        *_spec_unreadable(context),
    ]


def pid_notes(context: Context) -> list[str]:
    """A remark on containers that are in another's PID namespace, or in the host's.

    Pods with hostPID or a shared one, and ``docker run --pid``, are so on purpose. What such a
    container leaves behind ends with it: its shim kills what is left in the cgroup (containerd
    1.6.20, runtime/v2/runc/util.go, ShouldKillAllOnExit; seen).
    """
    alone = sorted(_in_other_namespaces(context) - context.cgroups.neighbours())
    if not alone:
        return []
    names = ", ".join(alone[:3]) + (", …" if len(alone) > 3 else "")
    verb = "shares" if len(alone) == 1 else "share"
    return [
        f"{names} {verb} a PID namespace with others, as pods with hostPID and `docker run --pid` "
        "do: with a cgroup of its own each, that harms nobody"
    ]


def _pid_namespace(context: Context) -> list[BrokenRule]:
    objects = _in_other_namespaces(context) & context.cgroups.neighbours()
    return broken_rule(PID_NAMESPACE, Severity.MEDIUM, objects)


def shares_pids(record: ContainerRecord) -> bool:
    """Whether the spec says of a container that it has no PID namespace of its own.

    A record without a ``linux`` section says nothing of it.
    """
    return bool(section(record.spec, "linux")) and not has_own_pid_namespace(record)


def _in_other_namespaces(context: Context) -> set[str]:
    return {
        view.title(record.id)
        for view in context.views
        for record in view.state.records.values()
        if shares_pids(record)
    }


def _spec_unreadable(context: Context) -> list[BrokenRule]:
    problems = {
        view.title(record.id): record.spec_problem
        for view in context.views
        for record in view.state.records.values()
        if record.spec_problem
    }
    details = [f"{name}: {problem}" for name, problem in sorted(problems.items())[:3]]
    return broken_rule(SPEC_UNREADABLE, Severity.LOW, problems, details=details)
