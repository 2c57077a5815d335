"""Rules about PID namespaces that are not a container's own, and about specs nobody can read."""

from __future__ import annotations

from iluvatar_bench.audit.read.spec_view import has_own_pid_namespace, section
from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context
from iluvatar_bench.bugs import BugClass

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
    """Every rule about processes and what starts them."""
    return [
        *_pid_namespace(context),
        *_spec_unreadable(context),
    ]


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
