"""The record of an arrival: of the last attempt, with the first failure, once that is judged."""

from __future__ import annotations

from iluvatar_bench.plans import Arrival
from iluvatar_bench.records import ArrivalOutcome, ArrivalRecord, Outcome, Trial
from iluvatar_bench.runs.arrival_book import ArrivalBook


def judged(container: int, *, exited_at: float | None = None) -> Trial:
    return Trial(
        run_id="r",
        trial=container,
        container_id=f"c-{container}",
        profile="p",
        factors={},
        function="f",
        submitted_at="2022-07-01T00:00:00+00:00",
        outcome=Outcome.FAILED,
        bug_class="process_died",
        mechanism="foreign_kill",
        evidence={} if exited_at is None else {"exited_at": exited_at},
    )


def book(*, retries: int = 0, in_rounds: bool = False) -> tuple[ArrivalBook, list[ArrivalRecord]]:
    records: list[ArrivalRecord] = []
    made = ArrivalBook(
        run_id="r",
        sinks=(records.append,),
        retries=retries,
        in_rounds=in_rounds,
        now_ms=lambda: 7.0,
    )
    return made, records


async def test_a_client_has_its_answer_before_the_trial_is_judged() -> None:
    arrivals, records = book()
    opened = arrivals.submit(Arrival(0, "f", None), planned_at_ms=None)
    arrivals.begin(0, "cold")
    assert arrivals.failed(0, container=3) is False
    assert opened.ended.done()
    assert arrivals.unanswered == []
    assert records == []
    arrivals.judged(judged(3))
    (record,) = records
    assert (record.outcome, record.bug_class) == (ArrivalOutcome.FAILED, "process_died")
    assert (record.trial, record.attempts, record.mechanism) == (3, 1, "foreign_kill")
    assert record.latency_ms is None


async def test_a_retry_hides_no_failure() -> None:
    arrivals, records = book(retries=1)
    arrivals.submit(Arrival(0, "f", None), planned_at_ms=None)
    arrivals.begin(0, "cold")
    assert arrivals.failed(0, container=3) is True
    arrivals.begin(0, "warm")
    arrivals.served(0, container=4, container_id="c-4", invoke_ms=1.0)
    assert records == [], "its first failure has no class yet"
    arrivals.judged(judged(3))
    (record,) = records
    assert (record.outcome, record.bug_class) == (ArrivalOutcome.OK, None)
    assert (record.first_failure, record.attempts, record.trial) == ("process_died", 2, 4)


async def test_no_more_retries_than_asked_for_and_none_after_a_stop() -> None:
    arrivals, records = book(retries=2)
    for number, stopped in ((0, False), (1, True)):
        arrivals.submit(Arrival(number, "f", None), planned_at_ms=None)
        tried = 0
        while True:
            arrivals.begin(number, "cold")
            tried += 1
            if not arrivals.failed(number, container=tried, again=not stopped):
                break
        assert tried == (1 if stopped else 3)
    for container in (1, 2, 3):
        arrivals.judged(judged(container))
    assert [(r.arrival, r.trial, r.attempts) for r in records] == [(1, 1, 1), (0, 3, 3)]


async def test_what_waits_for_a_retry_when_the_run_is_stopped_has_failed() -> None:
    arrivals, records = book(retries=5)
    arrivals.submit(Arrival(0, "f", 0.0), planned_at_ms=0.0)
    arrivals.submit(Arrival(1, "f", 0.0), planned_at_ms=0.0)
    arrivals.begin(0, "cold")
    assert arrivals.failed(0, container=0)
    arrivals.dropped(0)
    arrivals.dropped(1)
    arrivals.judged(judged(0))
    outcomes = {record.arrival: record.outcome for record in records}
    assert outcomes == {0: ArrivalOutcome.FAILED, 1: ArrivalOutcome.DROPPED}


async def test_a_request_to_the_dead_is_the_pools_mistake_where_it_looks_in_rounds() -> None:
    for in_rounds, mechanism in ((True, "stale_health"), (False, "foreign_kill")):
        arrivals, records = book(in_rounds=in_rounds)
        arrivals.submit(Arrival(0, "f", None), planned_at_ms=None)
        arrivals.begin(0, "warm")
        arrivals.failed(0, container=0)
        arrivals.judged(judged(0, exited_at=1.0))
        assert [record.mechanism for record in records] == [mechanism]


async def test_a_client_that_was_cancelled_needs_no_answer() -> None:
    arrivals, _ = book()
    opened = arrivals.submit(Arrival(0, "f", None), planned_at_ms=None)
    arrivals.begin(0, "cold")
    opened.ended.cancel()
    assert arrivals.failed(0, container=0) is False
    assert arrivals.unanswered == []
