"""The rule about containers that containerd itself restarts."""

from __future__ import annotations

from iluvatar_bench.audit.rules.broken_rule import BrokenRule, Rule, Severity, broken_rule
from iluvatar_bench.audit.rules.context import Context, age_seconds
from iluvatar_bench.bugs import BugClass
from iluvatar_bench.containerd.values import TaskState

STATUS_LABEL = "containerd.io/restart.status"

MONITOR_SECONDS = 10.0
"""How often the monitor looks (containerd v1.6.20, runtime/restart/monitor/monitor.go)."""

RESTART_OF_CREATED = Rule(
    name="restart_of_created_task",
    what="containers that containerd's restart monitor is to keep running, whose task was created "
    "and never started",
    why="The monitor takes a task that does not run for one that has ended: every 10 s it kills it "
    "and starts another, whatever the client meant to do before the start.",
    fix="Call Tasks.Start, and set the label `containerd.io/restart.status` = `running` "
    "(Containers.Update) only then.",
    source="https://github.com/containerd/containerd/blob/v1.6.20/runtime/restart/monitor/"
    "change.go (startChange)",
    bug_classes=(BugClass.PROCESS_DIED,),
)


def broken_by_restarts(context: Context) -> list[BrokenRule]:
    """Containers whose task the monitor is about to replace."""
    objects = [
        view.title(id)
        for view in context.views
        for id, task in view.state.tasks.items()
        if task.state is TaskState.CREATED
        and (record := view.state.records.get(id)) is not None
        and record.labels.get(STATUS_LABEL) == "running"
        and (
            record.created_at is None
            or age_seconds(record.created_at, context.now) > MONITOR_SECONDS
        )
    ]
    return broken_rule(RESTART_OF_CREATED, Severity.MEDIUM, objects)
