"""Which host runs which cells: by lot, whole blocks, every cell once whatever is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from iluvatar_bench.batch.sweep.dispatch import MOST_LOSSES, Dispatch, dealt_blocks
from iluvatar_bench.batch.sweep.sweep_cells import Block, SweepCell, shuffled_blocks
from iluvatar_bench.profiles import PRESETS


def cells_of(*, seeds: int, concurrencies: int = 3) -> list[SweepCell]:
    return [
        SweepCell(
            profile=PRESETS["guarded"],
            concurrency=concurrency,
            function={"name": "hello", "kind": "function", "digest": "sha256:0"},
            seed=seed,
            trials=1,
            hold_ms=(0, 1),
            ready_seconds=1.0,
        )
        for seed in range(seeds)
        for concurrency in range(1, concurrencies + 1)
    ]


def blocks_of(*, seeds: int, order_seed: int = 1) -> tuple[Block, ...]:
    return shuffled_blocks(cells_of(seeds=seeds), order_seed=order_seed)


def seeds_of(blocks: Iterable[Sequence[SweepCell]]) -> list[int]:
    return [block[0].seed for block in blocks]


def test_the_order_is_drawn_by_lot_and_always_the_same() -> None:
    cells = cells_of(seeds=8)
    one = shuffled_blocks(cells, order_seed=5)
    assert one == shuffled_blocks(reversed(cells), order_seed=5)
    assert one != shuffled_blocks(cells, order_seed=6)
    assert sorted(seeds_of(one)) == list(range(8)) != seeds_of(one)
    assert {len({cell.seed for cell in block}) for block in one} == {1}
    assert Counter(cell.id for block in one for cell in block) == Counter(c.id for c in cells)
    # Within the blocks too: over many blocks each place is held by each treatment.
    firsts = Counter(block[0].concurrency for block in blocks_of(seeds=60))
    assert all(10 < firsts[concurrency] < 30 for concurrency in (1, 2, 3))


def test_blocks_are_dealt_evenly_and_by_lot() -> None:
    blocks = blocks_of(seeds=8)
    dealt = dealt_blocks(blocks, ["a", "b", "c"], order_seed=1)
    assert sorted(len(of_host) for of_host in dealt.values()) == [2, 3, 3]
    assert sorted(s for of_host in dealt.values() for s in seeds_of(of_host)) == list(range(8))
    assert dealt == dealt_blocks(blocks, ["c", "a", "b"], order_seed=1)
    # Each seed comes to each host, by the lot.
    homes = Counter(
        host
        for order_seed in range(40)
        for host, of_host in dealt_blocks(
            blocks_of(seeds=4, order_seed=order_seed), ["a", "b"], order_seed=order_seed
        ).items()
        if 0 in seeds_of(of_host)
    )
    assert min(homes["a"], homes["b"]) > 10


def test_a_block_that_was_begun_stays_with_its_host() -> None:
    blocks = blocks_of(seeds=4)
    homes = ["b", None, "gone", "b"]
    dealt = dealt_blocks(blocks, ["a", "b"], order_seed=1, homes=homes)
    assert set(seeds_of([blocks[0], blocks[3]])) <= set(seeds_of(dealt["b"]))
    assert sorted(map(len, dealt.values())) == [1, 3]
    assert dealt_blocks(blocks, ["a"], order_seed=1, homes=homes) == {"a": list(blocks)}


def test_a_host_that_is_done_takes_a_whole_block_of_another() -> None:
    dispatch = Dispatch(dealt_blocks(blocks_of(seeds=4), ["a", "b"], order_seed=1))
    assert dispatch.next_job("b") is not None
    of_a = [dispatch.next_job("a") for _ in range(9)]
    blocks = Counter(cell.seed for cell in of_a if cell)
    assert sorted(blocks.values()) == [3, 3, 3]
    assert dispatch.next_job("a") is None, "a block that was begun stays where it was begun"
    assert dispatch.left == 2


def test_a_cell_that_is_lost_comes_first_again_and_not_for_ever() -> None:
    dispatch = Dispatch(dealt_blocks(blocks_of(seeds=1), ["a"], order_seed=1))
    cell = dispatch.next_job("a")
    assert cell is not None
    for number in range(1, MOST_LOSSES):
        assert dispatch.lost(cell, "a")
        assert dispatch.losses_of(cell) == number
        assert dispatch.next_job("a") == cell
    assert not dispatch.lost(cell, "a")
    assert dispatch.left == 2


def test_a_cell_that_a_host_cannot_run_goes_elsewhere() -> None:
    dispatch = Dispatch(dealt_blocks(blocks_of(seeds=1), ["a", "b"], order_seed=1))
    taken = {host: dispatch.next_job(host) for host in ("a", "b")}
    (host,) = [name for name, cell in taken.items() if cell is not None]
    other = "b" if host == "a" else "a"
    cell = taken[host]
    assert cell is not None
    dispatch.refused(cell, host)
    assert dispatch.impossible(["a", "b"]) == []
    assert dispatch.next_job(host) != cell
    assert dispatch.next_job(other) == cell
    dispatch.refused(cell, other)
    assert dispatch.impossible(["a", "b"]) == [cell]


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    seeds=st.integers(1, 6),
    hosts=st.sampled_from([("a",), ("a", "b"), ("a", "b", "c")]),
    losses=st.integers(0, 6),
    gone=st.booleans(),
)
def test_every_cell_ends_once_whatever_is_lost(
    seed: int, seeds: int, hosts: tuple[str, ...], losses: int, gone: bool
) -> None:
    """Workers of chance take cells, end them or are lost; hosts go for good, but for one."""
    lot = random.Random(seed)
    cells = cells_of(seeds=seeds)
    dispatch = Dispatch(dealt_blocks(shuffled_blocks(cells, order_seed=seed), hosts, order_seed=1))
    alive, flights = list(hosts), list[tuple[str, SweepCell]]()
    ended: Counter[str] = Counter()
    ran_on: dict[int, set[str]] = {}
    lost = 0
    for _ in range(20 * len(cells) + 100):
        if gone and len(alive) > 1 and lot.random() < 0.05:
            leaving = alive.pop()
            taken = [cell for host, cell in flights if host == leaving]
            flights = [one for one in flights if one[0] != leaving]
            lost += len(taken)
            for cell in taken:
                ended[cell.id] += not dispatch.lost(cell, leaving)
            dispatch.host_gone(leaving)
        host = lot.choice(alive)
        next_cell = dispatch.next_job(host) if lot.random() < 0.6 else None
        if next_cell is not None:
            flights.append((host, next_cell))
        elif flights:
            host, cell = flights.pop(lot.randrange(len(flights)))
            if lost < losses and lot.random() < 0.3:
                lost += 1
                ended[cell.id] += not dispatch.lost(cell, host)
                continue
            ended[cell.id] += 1
            ran_on.setdefault(cell.seed, set()).add(host)
    assert dispatch.left == 0 and not flights
    assert ended == Counter({cell.id: 1 for cell in cells})
    if len(alive) == len(hosts):
        assert all(len(on) == 1 for on in ran_on.values()), "blocks stay whole where hosts stay"
