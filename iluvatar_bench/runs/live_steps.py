"""Telling of each step that a container begins, while it begins."""

from __future__ import annotations

from collections.abc import Callable

from iluvatar_bench.records import LiveStep, Trial

OnStep = Callable[[LiveStep], None]
"""Told in the run's own loop, so it does little; what it raises fails the trial."""


def steps_told(on_step: OnStep, trial: Trial) -> Callable[[str], None]:
    """What takes the names of one container's steps; its first, ``submitted``, is told at once."""

    def tell(step: str) -> None:
        on_step(
            LiveStep(
                trial=trial.trial,
                container_id=trial.container_id,
                function=trial.function,
                step=step,
            )
        )

    tell("submitted")
    return tell
