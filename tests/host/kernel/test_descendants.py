"""What is below a process, held before that ends and nobody can tell any more."""

from __future__ import annotations

import subprocess

from iluvatar_bench.host.kernel import processes
from iluvatar_bench.host.kernel.descendants import descendants, end_held, held_descendants


def test_orphans_are_ended_that_were_held_while_their_parent_lived() -> None:
    # The shell between them goes first, as a shim does: its child is somebody else's then.
    top = subprocess.Popen(
        ["sh", "-c", "sh -c 'sleep 60 & echo $!; wait' & wait"], stdout=subprocess.PIPE, text=True
    )
    assert top.stdout is not None
    orphan = int(top.stdout.readline())
    middle = processes.parent_of(orphan)
    below = descendants([top.pid])
    assert below == {middle, orphan}
    with held_descendants([top.pid]) as held:
        assert set(held) == below
        assert processes.end(lambda: [top.pid]) == ()
        top.wait()
        assert descendants([top.pid]) == frozenset()
        assert end_held(held) == ()
        # Once more, of processes that are gone.
        assert end_held(held, seconds=0) == ()
    assert not processes.is_alive(orphan)
    top.stdout.close()


def test_a_process_without_children_has_nothing_below() -> None:
    child = subprocess.Popen(["sleep", "60"])
    with held_descendants([child.pid]) as held:
        assert held == {}
    assert processes.end(lambda: [child.pid]) == ()
    child.wait()
