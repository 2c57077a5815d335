"""How far a churn had come when it was cut off, by its journals.

What resuming means for a churn: every arrival that has ended stays as it ended. The others are
submitted, those that were being served when the run was cut off once more, on a pool that is empty
again, since its containers went with the run. The workload's clock stands still meanwhile: it goes
on from the last thing that was noted. In an open loop the arrivals that the end overtook are late
by what it took, and in a closed one the clients go on with what is left. Containers that were
launched and not seen to end have no trial; their numbers are not used again.
"""

from __future__ import annotations

from dataclasses import dataclass

from iluvatar_bench.runs.store import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The arrivals that have ended, the next container's number, and the clock (ms)."""

    ended: frozenset[int] = frozenset()
    next_container: int = 0
    clock_ms: float = 0.0
    lost: tuple[int, ...] = ()
    """Containers that were launched and not seen to end."""

    @classmethod
    def of(cls, folder: RunFolder) -> Standing:
        """What the journals say; the beginning for a run without any.

        Raises:
            UsageError: a journal is damaged.
        """
        pool = folder.pool.rows()
        launched = [row["container"] for row in pool if row["event"] == "launch"]
        trials = {trial.trial for trial in folder.journal()}
        numbers = [*launched, *trials]
        return cls(
            ended=frozenset(row["arrival"] for row in folder.arrivals.rows()),
            next_container=max(numbers, default=-1) + 1,
            clock_ms=max((row["at_ms"] for row in pool), default=0.0),
            lost=tuple(number for number in launched if number not in trials),
        )
