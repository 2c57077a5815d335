"""The command line: thin. It parses, calls the library, prints; nothing else prints or exits.

The exit codes stand in ``EXIT_CODES``.
Heavy imports stand inside the commands, so that a mistyped one answers at once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from iluvatar_bench.commands.audit import audit_command, explain_command
from iluvatar_bench.commands.compare import compare_command
from iluvatar_bench.commands.dose import dose_command
from iluvatar_bench.commands.ground_truth import ground_truth_command
from iluvatar_bench.commands.image import image_app
from iluvatar_bench.commands.interrupt import INTERRUPTED_STATUS, run_stoppable
from iluvatar_bench.commands.network_benchmark import network_benchmark
from iluvatar_bench.commands.notebook import notebook_command
from iluvatar_bench.commands.options import (
    Address,
    AsJson,
    Bridge,
    Concurrency,
    Function,
    Plugins,
    PoolSize,
    ProfileName,
    Results,
    Seed,
    Sets,
    Subnet,
    network_settings,
)
from iluvatar_bench.commands.output import (
    err,
    example,
    print_json,
    print_plain,
    print_rows,
    print_table,
)
from iluvatar_bench.commands.rejudge import rejudge_command
from iluvatar_bench.commands.report import record_command, report_command
from iluvatar_bench.commands.resume import run_options
from iluvatar_bench.commands.root_cause import blame_command, root_cause_command
from iluvatar_bench.commands.run import churn_command, trace_command
from iluvatar_bench.errors import EnvironmentProblem, IluvatarBenchError

EXIT_CODES = """\b
Exit codes:
  0    done
  1    this host lacks something, or a run or a check failed
  2    the request was wrong; nothing was started
  3    audit: it found something; compare --fail-if-worse: the candidate is worse
  130  interrupted; what had ended is kept

./bench test [--all] runs the tests of a source checkout.

"""

app = typer.Typer(
    name="iluvatar-bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reproduce, measure and explain intermittent container failures on a real containerd.",
)
run_app = typer.Typer(no_args_is_help=True, help="One workload under one profile: one run folder.")
function_app = typer.Typer(no_args_is_help=True, help="Functions.")
app.add_typer(run_app, name="run")
app.add_typer(image_app, name="image")
app.add_typer(function_app, name="function")
app.command("network-benchmark", epilog=example("network-benchmark"))(network_benchmark)
app.command("ground-truth", epilog=example("ground-truth --out data/ground_truth.csv"))(
    ground_truth_command
)
app.command(
    "audit",
    epilog=example("audit --address /run/containerd/containerd.sock", "audit --watch"),
)(audit_command)
app.command("explain", epilog=example("explain iluvatar-2022-07 3", "explain --live CONTAINER"))(
    explain_command
)
app.command(
    "compare",
    epilog=example(
        "compare iluvatar-2022-07 guarded",
        "compare results/RUN_A results/RUN_B --fail-if-worse --json",
    ),
)(compare_command)
app.command("report", epilog=example("report iluvatar-2022-07 guarded --out report.html"))(
    report_command
)
app.command("record", epilog=example("record results/RUN guarded --replace"))(record_command)
app.command(
    "notebook",
    epilog=example(
        "notebook compare -p baseline=iluvatar-2022-07 -p candidate=guarded",
        "notebook cold_start -p profile=iluvatar-2022-07,guarded -p trials=40,80",
    ),
)(notebook_command)

app.command("rejudge", epilog=example("rejudge results/RUN --dry-run"))(rejudge_command)
run_app.callback(invoke_without_command=True, epilog=example("run --resume results/RUN"))(
    run_options
)
run_app.command(
    "churn",
    epilog=example(
        "run churn --profile guarded --arrivals 300",
        "run churn --pattern closed --clients 4 --keep-alive-ms 2000 --json",
    ),
)(churn_command)
run_app.command(
    "trace", epilog=example("run trace FILE --function hello", "run trace FILE --map f1=hello")
)(trace_command)
app.command(
    "root-cause",
    epilog=example("root-cause", "root-cause --factors snapshot_reference --factors kill=init,all"),
)(root_cause_command)
app.command("blame", epilog=example("blame iluvatar-2022-07 guarded --bug-class process_died"))(
    blame_command
)
app.command("dose", epilog=example("dose start_delay_ms 0 50 200 1000"))(dose_command)

Trials = Annotated[int, typer.Option(help="containers to cold-start")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print_plain(f"iluvatar-bench {version('iluvatar-bench')}")
        raise typer.Exit


@app.callback(epilog=EXIT_CODES + example("doctor", "demo", "compare iluvatar-2022-07 guarded"))
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="print the version")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="log warnings and causes to stderr")
    ] = False,
) -> None:
    """Options before every command."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.ERROR,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncio", "matplotlib", "papermill", "traitlets", "nbconvert"):
        logging.getLogger(noisy).setLevel(logging.WARNING if verbose else logging.CRITICAL)


@app.command(epilog=example("doctor", "doctor --concurrency 300", "doctor --json"))
def doctor(
    concurrency: Concurrency = 4,
    as_json: AsJson = False,
) -> None:
    """What this host has and lacks, each with its fix; exit 1 if a run cannot work.

    Limits are compared with what so many containers at a time need.
    """
    from dataclasses import asdict

    from iluvatar_bench.host.doctor import check_host

    checks = check_host(concurrency)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        marks = ["ok" if c.ok else ("MISSING" if c.required else "limited") for c in checks]
        rows = [(m, c.name, c.found, c.remedy) for m, c in zip(marks, checks, strict=True)]
        print_rows(("", "what", "found", "what to do"), rows)
    if any(check.required and not check.ok for check in checks):
        raise typer.Exit(1)


@app.command(epilog=example("demo", "demo --trials 60 --arrivals 60 --out /tmp/demo"))
def demo(
    trials: Trials = 240,
    concurrency: Concurrency = 6,
    arrivals: Annotated[int, typer.Option(help="requests of the churn workload")] = 120,
    seed: Seed = 1,
    results: Results = Path("results"),
) -> None:
    """Show the four bugs of 2022 under the worker's profile, and none under the guarded one."""
    from iluvatar_bench.plans import PooledFunction, churn, cold_start

    cold_start(trials=trials, concurrency=concurrency, seed=seed)
    churn(
        arrivals=arrivals, functions=[PooledFunction("hello", "hello")], budget_mib=512, seed=seed
    )
    _require_working_host()
    from iluvatar_bench.batch.demo import PROFILES, run_demo

    print_plain(
        f"On a private containerd, under each of {' and '.join(PROFILES)}: {trials} cold starts of "
        f"a Python function, {concurrency} at a time; then {arrivals} requests for three functions "
        "to a keep-alive pool. Three to eight minutes."
    )
    done = run_demo(
        trials=trials,
        concurrency=concurrency,
        arrivals=arrivals,
        seed=seed,
        results=results,
        progress=sys.stderr.isatty(),
        say=print_plain,
    )
    for workload, table in done.tables.items():
        print_plain(f"\n{workload}:")
        print_table(table)
    print_plain(
        "\nA cell: count/trials, rate and 95 % Wilson interval; for none, the highest rate that "
        "the trials leave plausible. A trial is one container's life.\nStress workloads: compare "
        "the profiles; the rates are not those of a worker in the field.\n"
    )
    for name, path in done.files.items():
        print_plain(f"{name}: {path}")


@run_app.command(
    "cold-start",
    epilog=example(
        "run cold-start --profile guarded --trials 100",
        "run cold-start --profile guarded --set snapshot_reference=none --json",
    ),
)
def run_cold_start_command(
    profile: ProfileName = "iluvatar-2022-07",
    settings: Sets = None,
    trials: Trials = 40,
    concurrency: Concurrency = 4,
    seed: Seed = 1,
    function: Function = "hello",
    address: Address = None,
    subnet: Subnet = None,
    bridge: Bridge = None,
    plugins: Plugins = None,
    pool_size: PoolSize = 0,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Cold-start containers under one profile and print the failure rate of each bug class."""
    from iluvatar_bench.profiles import resolve_profile
    from iluvatar_bench.report import comparison_table
    from iluvatar_bench.report.progress_bars import progress_bar
    from iluvatar_bench.runs import run_cold_start

    chosen = resolve_profile(profile, settings or ())
    network = network_settings(subnet, bridge, plugins)
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
                network=network,
                on_trial=on_trial,
                stop=stop,
            )
        )
    if as_json:
        print_json(result.as_json())
    else:
        print_table(comparison_table(result.rates))
        print_plain(str(result))
    if stopped:
        raise typer.Exit(INTERRUPTED_STATUS)


@function_app.command("list", epilog=example("function list"))
def function_list() -> None:
    """The built-in functions."""
    from iluvatar_bench.functions import builtin_names

    for name in builtin_names():
        print_plain(name)


@app.command(
    epilog=example(
        "classify /var/log/iluvatar --csv failures.csv",
        "classify - --zone Europe/Vienna < worker.log",
    )
)
def classify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="logs, folders of logs, or - for standard input"),
    ],
    csv: Annotated[Path | None, typer.Option(help="write a row per failure as CSV")] = None,
    parquet: Annotated[Path | None, typer.Option(help="the same as Parquet")] = None,
    zone: Annotated[str, typer.Option(help="time zone of stamps that carry none")] = "UTC",
) -> None:
    """Put the failures in worker and containerd logs into bug classes."""
    from iluvatar_bench.worker_logs import scan
    from iluvatar_bench.worker_logs.class_table import class_table, remarks, save_failures

    report = scan(files, zone=zone)
    if len(report.failures):
        print_table(class_table(report))
    else:
        print_plain("no failure found")
    for remark in remarks(report):
        print_plain(remark)
    save_failures(report, csv=csv, parquet=parquet)


@app.command("log-benchmark", epilog=example("log-benchmark --size-mb 100"))
def log_benchmark(
    size_mb: Annotated[int, typer.Option(help="size of each generated log")] = 1000,
    failures: Annotated[int, typer.Option(help="known failures in each")] = 3000,
    formats: Annotated[list[str] | None, typer.Option("--format", help="default: all")] = None,
    folder: Annotated[Path | None, typer.Option(help="where the logs are generated")] = None,
) -> None:
    """Read generated logs with known failures: exact counts, speed beside grep -cE, memory."""
    from iluvatar_bench.benchmarks.generated_logs import FORMATS
    from iluvatar_bench.benchmarks.logs import run_benchmark

    table = run_benchmark(
        size_mb=size_mb, failures=failures, formats=formats or FORMATS, folder=folder
    )
    print_table(table.set_index("format").round(2))
    if not table["exact"].all():
        raise typer.Exit(1)


@app.command(epilog=example("clean"))
def clean() -> None:
    """Remove what a killed run left on this host, and nothing else."""
    left = asyncio.run(_clean())
    print_plain(
        "nothing of a killed run is left" if not left else "some of it could not be removed"
    )
    if left:
        raise EnvironmentProblem(f"could not remove: {'; '.join(left)}")


async def _clean() -> list[str]:
    from iluvatar_bench.containerd.daemon.place import abandoned_places
    from iluvatar_bench.containerd.daemon.teardown import end_guests, remove_place
    from iluvatar_bench.host.network.network_residue import remove_abandoned

    left: list[str] = []
    for place in abandoned_places():
        left += await end_guests(place)
        left += remove_place(place)
        print_plain(f"removed {place.id}: its daemon, containers, mounts, cgroups, folders")
    return [*left, *await remove_abandoned()]


def _require_working_host() -> None:
    from iluvatar_bench.host.doctor import check_host

    missing = [check for check in check_host() if check.required and not check.ok]
    if missing:
        remedies = "; ".join(f"{c.name}: {c.found} -> {c.remedy}" for c in missing)
        raise EnvironmentProblem(f"this host cannot run containers: {remedies}")


def main() -> None:
    """Entry point of the console script."""
    try:
        app(prog_name="iluvatar-bench")
    except IluvatarBenchError as error:
        logging.getLogger(__name__).debug("the chain behind the error", exc_info=error)
        err.print(f"error: {error}", soft_wrap=True, markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("interrupted: trials that had ended are kept in the run's folder")
        sys.exit(130)
