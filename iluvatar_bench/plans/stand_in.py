"""What stands in for each function of a trace: the trace has names, not code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iluvatar_bench.errors import UsageError, meant
from iluvatar_bench.plans.churn import DEFAULT_MEMORY_MIB, PooledFunction
from iluvatar_bench.plans.trace import TracedFunction, TracedInvocation


def stand_in(
    invocations: Sequence[TracedInvocation],
    *,
    chosen: Mapping[str, str],
    in_turn: Sequence[str],
    metadata: Mapping[str, TracedFunction],
    memory_mib: int = DEFAULT_MEMORY_MIB,
) -> dict[str, PooledFunction]:
    """Trace name to a function of the pool, in the order of first arrivals.

    ``chosen`` maps names to sources; the others get those of ``in_turn``, one after the other. A
    name that neither provides for is left out, which :func:`~iluvatar_bench.plans.replay` refuses.
    Memory and duration (of a warm start) are the metadata's; where there are no metadata at all,
    memory is ``memory_mib`` and no duration is known.

    Raises:
        UsageError: a name in ``chosen`` is not in the trace, or one of the trace is not in the
            metadata.
    """
    names = tuple(dict.fromkeys(invocation.function for invocation in invocations))
    strange = [name for name in chosen if name not in names]
    if strange:
        raise UsageError(
            f"no function {strange[0]!r} in the trace{meant(strange[0], names)}; there are: "
            f"{_some(names)}"
        )
    if metadata:
        unknown = [name for name in names if name not in metadata]
        if unknown:
            raise UsageError(
                f"function {unknown[0]!r} of the trace is not in the metadata; "
                f"there are: {_some(tuple(metadata))}"
            )
    others = [name for name in names if name not in chosen]
    dealt = {name: in_turn[i % len(in_turn)] for i, name in enumerate(others) if in_turn}
    sources = {**dealt, **chosen}
    return {
        name: PooledFunction(
            name,
            sources[name],
            metadata[name].memory_mib if metadata else memory_mib,
            metadata[name].warm_ms if metadata else None,
        )
        for name in names
        if name in sources
    }


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
