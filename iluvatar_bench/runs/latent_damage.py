"""What is wrong with a container though nothing has failed yet."""

from __future__ import annotations

import logging

from iluvatar_bench.bugs import Mechanism
from iluvatar_bench.errors import AnswerLost, ContainerdError
from iluvatar_bench.lifecycle.container import Container

log = logging.getLogger(__name__)


async def latent_damage(container: Container) -> Mechanism | None:
    """What is wrong with a container that nobody has a complaint about.

    A function that has loaded all that it needs does not notice that its files are gone.

    Raises:
        AnswerLost: the daemon went away: as with every other request, the outcome is not known.
    """
    try:
        intact = await container.snapshots.exists(container.snapshot_key)
    except AnswerLost:
        raise
    except ContainerdError as error:
        log.debug("%s: %s", container.id, error)
        return None
    if not intact:
        return Mechanism.SNAPSHOT_COLLECTED
    outside = container.joined is not None and not container.joined.joined
    return Mechanism.CGROUP_NOT_JOINED if outside else None
