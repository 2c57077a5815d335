"""How far a container has come, and what was done to it when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from iluvatar_bench.errors import AnswerLost
from iluvatar_bench.records import Span


@dataclass(slots=True)
class Progress:
    """How far a container has come, and how long each step took (milliseconds)."""

    step: str = "submitted"
    step_started_at: float = field(default_factory=time.time)
    steps: dict[str, float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    """What was done, in the order of the ends; in milliseconds since this object was made."""
    snapshot_prepared: bool = False
    snapshot_removed: bool = False
    record_created: bool = False
    leased: bool = False
    asked_in_vain: set[str] = field(default_factory=set)
    """What was asked for without an answer (``snapshot``, ``record``, ``lease``): it may be
    there."""
    task_created: bool = False
    ready_at: float | None = None
    """When the function said that it was ready, in seconds since the epoch."""
    death_seen: bool = False
    paused: bool = False
    """Whether this client has paused it, and not resumed it since."""
    step_lease: str | None = None
    """The lease that is to be dropped at the forced collection, while it exists."""
    life_lease_created: bool = False
    """Whether a lease was made that alone holds the snapshot; it may have expired since."""
    layer_made: bool = False
    """Whether a layer was made for this container alone."""
    own_image: str | None = None
    """The name of the image that was made for this container alone, while there is one."""
    on_step: Callable[[str], None] | None = None
    """Called with each step that begins."""
    _submitted: float = field(default_factory=time.monotonic)

    @property
    def begun(self) -> bool:
        """Whether containerd has been asked for anything, as far as is known."""
        leases = self.leased or self.step_lease is not None or self.life_lease_created
        made = self.record_created or self.snapshot_prepared or self.task_created
        return leases or made or bool(self.asked_in_vain)

    def end_life(self, ended_at: float) -> None:
        """Note how long the ready container lived, up to its death or to our first Kill.

        Both ends are on the host's clock, because containerd's time of an exit is.
        """
        if self.ready_at is not None:
            self.steps["alive_ms"] = max(0.0, (ended_at - self.ready_at) * 1000)

    def begin(self, step: str) -> None:
        """Say which step is under way from now on."""
        self.step = step
        self.step_started_at = time.time()
        if self.on_step is not None:
            self.on_step(step)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Note when something was done, also if it fails."""
        started_ms = self._elapsed_ms()
        completed = False
        try:
            yield
            completed = True
        finally:
            self.spans.append(
                Span(
                    name=name,
                    started_ms=started_ms,
                    ended_ms=self._elapsed_ms(),
                    completed=completed,
                )
            )

    @contextmanager
    def measure(self, column: str) -> Iterator[None]:
        """Time one step. A step that fails has no duration, only a name and a span."""
        self.begin(column.removesuffix("_ms"))
        with self.span(self.step):
            started = time.monotonic()
            yield
            self.steps[column] = (time.monotonic() - started) * 1000

    @contextmanager
    def asking_for(self, what: str) -> Iterator[None]:
        """Note where a request's answer is lost: what it was to make has to be removed as well."""
        try:
            yield
        except AnswerLost:
            self.asked_in_vain.add(what)
            raise

    def _elapsed_ms(self) -> float:
        return (time.monotonic() - self._submitted) * 1000
