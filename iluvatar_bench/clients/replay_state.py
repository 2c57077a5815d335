"""The store that a replay builds, call by call: lives, holds and uses. Pure inside ``replay``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from iluvatar_bench.clients.labels import FLAT, references
from iluvatar_bench.clients.mounted import Mounted
from iluvatar_bench.clients.stored import Hold, Life, Store, Stored, Use
from iluvatar_bench.clients.time_sets import AFTER, BEFORE
from iluvatar_bench.records import Call

REFUSED = frozenset(
    {
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
    }
)
"""Answers that say that nothing was done; any other than OK leaves it open."""


def ended(call: Call) -> float:
    """The call's end; ``AFTER`` where it never came."""
    return AFTER if call.ended_ns is None else call.ended_ns


class Replay:
    """The store as the calls replayed so far leave it."""

    def __init__(self) -> None:
        self.store = Store()
        self.mounted = Mounted()
        self._leases: dict[tuple[Stored, Stored], list[Hold]] = {}

    def make(self, thing: Stored, call: Call) -> Life | None:
        """A life that the call began; None where the call says that it began none."""
        if call.status in REFUSED and call.status != "ALREADY_EXISTS":
            return None
        lives = self.store.lives.setdefault(thing, [])
        if call.status == "ALREADY_EXISTS":
            if lives and lives[-1].open:
                lives[-1].certain_start = min(lives[-1].certain_start, ended(call))
                return lives[-1]
            life = Life(made_by=None, foreign=True)
        else:
            life = Life(made_by=call.number, possible_start=call.started_ns)
            if call.ok:
                life.certain_start = ended(call)
            if call.ok and lives and lives[-1].open:
                # It was gone in between, or it could not have been made.
                self._close(lives[-1], call)
        lives.append(life)
        return life

    def end(self, thing: Stored, call: Call) -> None:
        """The call that removes it; one that is not answered has perhaps done it."""
        life = self.store.life(thing)
        if life is None or not life.open:
            if call.status in REFUSED and call.status != "NOT_FOUND":
                return
            life = Life(made_by=None, foreign=True)
            self.store.lives.setdefault(thing, []).append(life)
        if call.ok or call.status == "NOT_FOUND":
            self._close(life, call)
        elif call.status not in REFUSED:
            life.certain_end = min(life.certain_end, call.started_ns)
            life.perhaps_gone = True

    def _close(self, life: Life, call: Call) -> None:
        life.certain_end = min(life.certain_end, call.started_ns)
        life.possible_end = min(life.possible_end, ended(call))
        life.ended_by = call.number

    def hold(
        self,
        source: Stored | None,
        target: Stored,
        reason: str,
        call: Call,
        *,
        life: Life | None = None,
        flat: bool = False,
    ) -> None:
        """Remember that one object holds another from this call on."""
        old = reason == "self" and life is not None and life.foreign
        made = Hold(
            source=source,
            target=target,
            reason=reason,
            start=BEFORE if old else call.started_ns,
            made_by=None if old else call.number,
            life=life,
            flat=flat,
        )
        self.store.holds.append(made)
        if life is not None:
            life.bears.append(made)
        if reason == "lease" and source is not None:
            self._leases.setdefault((source, target), []).append(made)

    def root(self, thing: Stored, call: Call, life: Life) -> None:
        """Records, images and leases are held by themselves."""
        self.hold(None, thing, "self", call, life=life)

    def label(self, thing: Stored, call: Call, life: Life, labels: Mapping[str, str]) -> None:
        """What an object's labels hold, and what holds it by them."""
        for other, back in references(thing.namespace, labels):
            if other is None:
                self.hold(None, thing, "root", call, life=life)
            elif back:
                self.hold(other, thing, "label", call, life=life)
            else:
                self.hold(thing, other, "label", call, life=life)
                self.use(other, call)

    def drop(self, bearer: Life, call: Call, *, reason: str, keep: Iterable[Stored] = ()) -> None:
        """References that an update takes away; those of ``keep`` stay."""
        kept = set(keep)
        for hold in bearer.bears:
            if hold.reason == reason and hold.end == AFTER:
                if hold.target in kept or (hold.source in kept and hold.source is not None):
                    continue
                hold.end, hold.ended_by = ended(call), call.number

    def leased(self, target: Stored, call: Call) -> None:
        """Objects made under a lease are its resources (``containerd-lease``)."""
        if call.lease:
            self.lease_holds(Stored(target.namespace, "lease", call.lease), target, call)

    def lease_holds(self, lease: Stored, target: Stored, call: Call) -> None:
        """The call that puts an object under a lease."""
        if call.status in REFUSED and call.status != "ALREADY_EXISTS":
            return
        life = self.store.life(lease)
        if life is None:
            life = Life(made_by=None, foreign=True)
            self.store.lives[lease] = [life]
            self.hold(None, lease, "self", call, life=life)
        flat = FLAT in life.state
        self.hold(lease, target, "lease", call, life=life, flat=flat)

    def lease_drops(self, lease: Stored, target: Stored, call: Call) -> None:
        """The call that takes an object from a lease."""
        for hold in self._leases.pop((lease, target), []):
            hold.end, hold.ended_by = ended(call), call.number

    def use(self, thing: Stored, call: Call) -> None:
        """The call needs the object."""
        self.store.uses.setdefault(thing, []).append(
            Use(call.started_ns, call.number, call.started_ns, call.number)
        )

    def end_tasks(self) -> None:
        """What a task mounts is needed to its end."""
        self.store.mounts = dict(self.mounted.tasks)
        for thing, life in self.store.known("task"):
            snapshot = self.mounted.snapshot_of(thing.namespace, thing.key, life.made_by)
            if snapshot is not None:
                self.store.uses.setdefault(snapshot, []).append(
                    Use(
                        life.certain_start,
                        life.made_by or 0,
                        life.certain_end,
                        int(life.state.get("exited", 0)) or life.ended_by,
                    )
                )
