"""``run``: one workload under one profile, on a containerd of its own or one that runs already."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from iluvatar_bench.commands.interrupt import run_stoppable
from iluvatar_bench.commands.options import (
    Address,
    AsJson,
    Beside,
    Bridge,
    Concurrency,
    Function,
    LogCollections,
    Plugins,
    PoolSize,
    ProfileName,
    ReadySeconds,
    Results,
    Runtime,
    Seed,
    Sets,
    Subnet,
    Trials,
    WithWitness,
    network_settings,
    with_runtime,
)
from iluvatar_bench.commands.output import example
from iluvatar_bench.commands.resume import end_run, run_options
from iluvatar_bench.errors import UsageError

if TYPE_CHECKING:
    from iluvatar_bench.plans import ChurnPlan, PooledFunction
    from iluvatar_bench.profiles import Profile
    from iluvatar_bench.records.run_result import RunResult

Budget = Annotated[int, typer.Option(help="memory of the keep-alive pool, MiB")]
KeepAlive = Annotated[
    int | None,
    typer.Option("--keep-alive-ms", help="how long idle containers stay; default: until evicted"),
]
WarmUp = Annotated[
    float | None,
    typer.Option(
        "--warm-up-seconds",
        min=0,
        help="left out of the test for a steady state; default: what MSER-5 finds",
    ),
]
Memory = Annotated[int, typer.Option(help="what a container counts for in the pool, MiB")]


class WorkloadGroup(TyperGroup):
    """The group of ``run``: an option that stands where the workload's name should is told so."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As ever; an option before the workload is one of ``run`` itself, or a mistake."""
        own = {option for parameter in self.get_params(ctx) for option in parameter.opts}
        for word in takewhile(lambda word: word not in self.commands, args):
            option = word.partition("=")[0]
            if option.startswith("--") and option not in own:
                raise UsageError(
                    f"{option} is an option of a workload, whose name comes first: run cold-start "
                    f"{option} …; the workloads are {', '.join(self.commands)}"
                )
        return super().parse_args(ctx, args)


run_app = typer.Typer(
    cls=WorkloadGroup,
    no_args_is_help=True,
    help="One workload under one profile: one run folder.",
)
run_app.callback(invoke_without_command=True, epilog=example("run --resume results/RUN"))(
    run_options
)


@run_app.command(
    "cold-start",
    epilog=example(
        "run cold-start --profile guarded --trials 100",
        "run cold-start --profile guarded --set snapshot_reference=none --json",
        "run cold-start --profile guarded --beside commit --beside prune",
    ),
)
def cold_start_command(
    profile: ProfileName = "iluvatar-2022-07",
    settings: Sets = None,
    runtime: Runtime = None,
    trials: Trials = 40,
    concurrency: Concurrency = 4,
    seed: Seed = 1,
    function: Function = "hello",
    address: Address = None,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
    pool_size: PoolSize = 0,
    ready_seconds: ReadySeconds = 20.0,
    witness: WithWitness = True,
    log_collections: LogCollections = True,
    beside: Beside = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Cold-start containers under one profile and print the failure rate of each bug class."""
    from iluvatar_bench.profiles import resolve_profile

    chosen = resolve_profile(profile, with_runtime(settings, runtime))
    network = network_settings(subnet, bridge, plugins)
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.runs import run_cold_start

    with progress_bar(trials, quiet=not sys.stderr.isatty(), stream=sys.stderr) as on_trial:
        result, stopped = run_stoppable(
            lambda stop: run_cold_start(
                chosen,
                trials=trials,
                concurrency=concurrency,
                seed=seed,
                results=results,
                function=function,
                address=address,
                pool_size=pool_size,
                ready_seconds=ready_seconds,
                witness=witness,
                log_collections=log_collections,
                beside=beside or (),
                network=network,
                on_trial=on_trial,
                stop=stop,
            )
        )
    end_run(result, stopped=stopped, as_json=as_json)


@run_app.command(
    "churn",
    epilog=example(
        "run churn --profile guarded --arrivals 300",
        "run churn --pattern closed --clients 4 --keep-alive-ms 2000 --json",
    ),
)
def churn_command(
    profile: ProfileName = "iluvatar-2022-07",
    settings: Sets = None,
    runtime: Runtime = None,
    arrivals: Annotated[int, typer.Option(help="how many requests")] = 300,
    pattern: Annotated[
        str, typer.Option(help="of the arrivals: poisson, constant, bursts or closed")
    ] = "poisson",
    rate: Annotated[float, typer.Option(help="arrivals a second; in bursts, during one")] = 3.0,
    on_ms: Annotated[int, typer.Option(help="length of a burst")] = 2000,
    off_ms: Annotated[int, typer.Option(help="length of the pause after a burst")] = 2000,
    clients: Annotated[int, typer.Option(help="of a closed loop")] = 4,
    function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:MIB]",
            help="built-in function, its folder or an image, and what it counts for in the pool; "
            "several times for several; default: hello, float_operation, chameleon",
        ),
    ] = None,
    memory: Memory = 128,
    budget: Budget = 256,
    keep_alive_ms: KeepAlive = None,
    seed: Seed = 1,
    address: Address = None,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
    pool_size: PoolSize = 0,
    ready_seconds: ReadySeconds = 20.0,
    witness: WithWitness = True,
    warm_up_seconds: WarmUp = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Requests for several functions on a keep-alive pool: created, reused, evicted, removed.

    The default budget holds fewer containers than there are functions, so that the pool evicts.
    """
    from iluvatar_bench.plans import ArrivalProcess, churn
    from iluvatar_bench.profiles import resolve_profile

    names = function or ["hello", "float_operation", "chameleon"]
    plan = churn(
        arrivals=arrivals,
        functions=[_pooled(name, memory) for name in names],
        budget_mib=budget,
        seed=seed,
        # The process checks the pattern's name.
        process=ArrivalProcess(
            pattern=pattern,  # type: ignore[arg-type]
            rate=rate,
            on_ms=on_ms,
            off_ms=off_ms,
            clients=clients,
        ),
        keep_alive_ms=keep_alive_ms,
    )
    _run(
        resolve_profile(profile, with_runtime(settings, runtime)),
        plan,
        as_json=as_json,
        results=results,
        address=address,
        network=network_settings(subnet, bridge, plugins),
        pool_size=pool_size,
        ready_seconds=ready_seconds,
        witness=witness,
        warm_up_seconds=warm_up_seconds,
    )


@run_app.command(
    "trace",
    epilog=example(
        "run trace FILE --function hello",
        "run trace FILE --map f1=hello",
        "run trace DAY.csv --minutes 1440 --speed 144 --choose representative --plan-only",
    ),
)
def trace_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="func_name,invoke_time_ms, or as Azure's of 2019 and 2021, Huawei's of 2023"
        ),
    ],
    profile: ProfileName = "iluvatar-2022-07",
    settings: Sets = None,
    runtime: Runtime = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="func_name,cold_dur_ms,warm_dur_ms,mem_mb: duration and memory of each function"
        ),
    ] = None,
    durations: Annotated[
        Path | None,
        typer.Option(help="that day's file: Azure's of durations (2019), Huawei's function_delay"),
    ] = None,
    app_memory: Annotated[
        Path | None,
        typer.Option(help="likewise: Azure's of applications' memory, Huawei's memory_limit"),
    ] = None,
    stand_ins: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="NAME=FUNCTION", help="what stands in for a function of the trace"
        ),
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option(
            help="stands in for functions that --map does not name, in turn; default: stand_in, "
            "where durations are known"
        ),
    ] = None,
    memory: Memory = 128,
    speed: Annotated[float, typer.Option(help="how many times as fast as the trace")] = 1.0,
    limit: Annotated[int | None, typer.Option(help="replay only so many arrivals")] = None,
    first_minute: Annotated[
        int, typer.Option(help="public traces: first minute of the window")
    ] = 1,
    minutes: Annotated[int, typer.Option(help="public traces: its length")] = 10,
    most: Annotated[int, typer.Option(help="public traces: at most so many functions")] = 10,
    choose: Annotated[
        str, typer.Option(help="public traces: which functions: most (invoked) or representative")
    ] = "most",
    keep: Annotated[
        float, typer.Option(help="public traces: the share of invocations kept by chance")
    ] = 1.0,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="say what would be replayed, and start nothing")
    ] = False,
    budget: Budget = 768,
    keep_alive_ms: KeepAlive = None,
    seed: Seed = 1,
    address: Address = None,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
    pool_size: PoolSize = 0,
    ready_seconds: ReadySeconds = 20.0,
    witness: WithWitness = True,
    warm_up_seconds: WarmUp = None,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Replay a trace of invocations on a keep-alive pool."""
    from iluvatar_bench.commands.traced import planned_trace, print_replay, tell_replayed
    from iluvatar_bench.plans import TraceWindow
    from iluvatar_bench.profiles import resolve_profile

    replayed = planned_trace(
        file,
        window=TraceWindow(
            first_minute=first_minute,
            minutes=minutes,
            functions=most,
            rule=choose,  # type: ignore[arg-type]  # it is checked where it is followed
            keep=keep,
            seed=seed,
        ),
        metadata=metadata,
        durations=durations,
        app_memory=app_memory,
        chosen=dict(_key_and_value(text) for text in stand_ins or ()),
        in_turn=function or (),
        memory_mib=memory,
        budget_mib=budget,
        speed=speed,
        limit=limit,
        keep_alive_ms=keep_alive_ms,
    )
    if plan_only:
        print_replay(replayed, as_json=as_json)
        return
    result = _run(
        resolve_profile(profile, with_runtime(settings, runtime)),
        replayed.plan,
        as_json=as_json,
        results=results,
        address=address,
        network=network_settings(subnet, bridge, plugins),
        pool_size=pool_size,
        ready_seconds=ready_seconds,
        witness=witness,
        warm_up_seconds=warm_up_seconds,
    )
    tell_replayed(replayed, result, quiet=as_json)


def _run(
    profile: Profile,
    plan: ChurnPlan,
    *,
    as_json: bool,
    warm_up_seconds: float | None,
    **testbed: Any,
) -> RunResult:
    """``testbed`` is what ``run_churn`` takes about where the run happens."""
    from iluvatar_bench.report.progress_bars import arrivals_bar
    from iluvatar_bench.runs import run_churn

    quiet = not sys.stderr.isatty()
    with arrivals_bar(len(plan.arrivals), quiet=quiet, stream=sys.stderr) as bar:
        result, stopped = run_stoppable(
            lambda stop: run_churn(
                profile,
                plan,
                **testbed,
                on_trial=bar.trial,
                on_arrival=bar.arrival,
                stop=stop,
            )
        )
    end_run(result, stopped=stopped, as_json=as_json, warm_up_seconds=warm_up_seconds)
    return result


def _pooled(text: str, memory_mib: int) -> PooledFunction:
    """``hello`` or ``hello:256``; what follows the last colon is memory only if it is a number."""
    from iluvatar_bench.functions import find_source
    from iluvatar_bench.plans import PooledFunction

    source, separator, number = text.rpartition(":")
    if not separator or not number.isascii() or not number.isdigit():
        source, number = text, str(memory_mib)
    return PooledFunction(find_source(source).container_name, source, int(number))


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key or not value:
        raise UsageError(f"{text!r} is not of the form name=function")
    return key, value
