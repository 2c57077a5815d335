"""The command line: thin. It registers the commands, and says what an error looks like.

A command parses, calls the library and prints; nothing else prints or exits. The exit codes stand
in ``EXIT_CODES``. Heavy imports stand inside the commands, so that a mistyped one answers at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from iluvatar_bench.commands.ab import ab_command
from iluvatar_bench.commands.archive import archive_command, open_command
from iluvatar_bench.commands.audit import audit_command, explain_command
from iluvatar_bench.commands.called_as import program
from iluvatar_bench.commands.check import check_command
from iluvatar_bench.commands.classes import classes_command
from iluvatar_bench.commands.classify import classify_command
from iluvatar_bench.commands.clean import clean_command
from iluvatar_bench.commands.compare import compare_command
from iluvatar_bench.commands.creation_benchmark import creation_benchmark_command
from iluvatar_bench.commands.daemon import daemon_app
from iluvatar_bench.commands.demo import demo_command
from iluvatar_bench.commands.doctor import doctor_command
from iluvatar_bench.commands.dose import NegativeNumbers, dose_command
from iluvatar_bench.commands.extras import missing_extra
from iluvatar_bench.commands.false_alarms import false_alarms_command
from iluvatar_bench.commands.figure import FigureHelp, figure_command
from iluvatar_bench.commands.fleet import fleet_command
from iluvatar_bench.commands.function import function_app
from iluvatar_bench.commands.ground_truth import ground_truth_command
from iluvatar_bench.commands.groups import GroupedCommands
from iluvatar_bench.commands.hypothesis import hypothesis_command
from iluvatar_bench.commands.image import image_app
from iluvatar_bench.commands.interrupt import (
    exit_status,
    signals_as_interrupts,
)
from iluvatar_bench.commands.log_benchmark import log_benchmark_command
from iluvatar_bench.commands.monitor_benchmark import monitor_benchmark_command
from iluvatar_bench.commands.network_benchmark import network_benchmark
from iluvatar_bench.commands.notebook import notebook_command
from iluvatar_bench.commands.notebook_help import NotebookHelp
from iluvatar_bench.commands.observe import observe_command
from iluvatar_bench.commands.output import example, print_plain
from iluvatar_bench.commands.overhead import overhead_command
from iluvatar_bench.commands.profile import profile_app
from iluvatar_bench.commands.proxy import proxy_command
from iluvatar_bench.commands.record_benchmark import record_benchmark_command
from iluvatar_bench.commands.rejudge import rejudge_command
from iluvatar_bench.commands.repeat import repeat_command
from iluvatar_bench.commands.report import record_command, report_command
from iluvatar_bench.commands.root_cause import blame_command, root_cause_command
from iluvatar_bench.commands.run import run_app
from iluvatar_bench.commands.runs import runs_command
from iluvatar_bench.commands.start_benchmark import start_benchmark_command
from iluvatar_bench.commands.sweep import sweep_command
from iluvatar_bench.commands.told_errors import errors_told
from iluvatar_bench.commands.trials_needed import trials_needed_command

EXIT_CODES = """\b
Exit codes:
  0    done
  1    this host lacks something, or a run or a check failed
  2    the request was wrong; nothing was started
  3    audit (not LOW alone), check: it found something; ab, compare --fail-if-worse: it is worse
  4    a disk is full; what had ended is kept; check: the client fails without any fault
  130  stopped by Ctrl-C (129: SIGHUP, 143: SIGTERM); what had ended is kept

Of a source checkout: ./bench test [--all] runs the tests, ./bench docs builds the documentation.

"""

app = typer.Typer(
    name="iluvatar-bench",
    cls=GroupedCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reproduce, measure and explain intermittent container failures on a real containerd.",
)

app.command(
    "doctor",
    short_help="what this host has and lacks, each with its fix",
    epilog=example("doctor", "doctor --concurrency 300", "doctor --json"),
)(doctor_command)
app.command(
    "classify",
    short_help="the failures in logs, put into bug classes",
    epilog=example(
        "classify /var/log/iluvatar --csv failures.csv",
        "classify - --zone Europe/Vienna < worker.log",
        "classify /var/log/containerd.log --since 2026-11-28 --json",
        "classify --teach /var/log/syslog > own.toml",
        "classify --signatures own.toml /var/log/syslog",
    ),
)(classify_command)
app.command(
    "audit",
    short_help="does a live containerd's client make the mistakes",
    epilog=example("audit --address /run/containerd/containerd.sock", "audit --watch"),
)(audit_command)
app.command(
    "observe",
    short_help="a live node watched for long, read-only",
    epilog=example(
        "observe --for 8h --out /var/lib/observed",
        "observe --client owner=iluvatar_worker --json",
    ),
)(observe_command)
app.command(
    "explain",
    short_help="one failure: what happened, why, what prevents it",
    epilog=example(
        "explain @latest",
        "explain iluvatar-2022-07 3",
        "explain iluvatar-2022-07 process_died",
        "explain --live CONTAINER",
    ),
)(explain_command)
app.command(
    "classes",
    short_help="bug classes and mechanisms, each explained",
    epilog=example("classes", "classes silent_startup", "classes collateral_kill --json"),
)(classes_command)
app.command(
    "check",
    short_help="your own client: a fault between every two of its calls",
    epilog=example(
        "check -- ctr run --rm {image} {id} python3 -c pass",
        "check --faults collection,refused --json -- my-worker --once {id}",
    ),
)(check_command)
app.command(
    "proxy",
    short_help="write down every call of a client to containerd",
    epilog=example(
        "proxy --listen /run/recorded.sock --address /run/containerd/containerd.sock",
        "proxy --listen /run/recorded.sock --out worker-calls",
    ),
)(proxy_command)

app.command(
    "demo",
    short_help="the bugs of 2022 and the fix, side by side",
    epilog=example("demo", "demo --trials 60 --arrivals 60 --out /tmp/demo"),
)(demo_command)
app.add_typer(run_app, name="run", short_help="one workload under one profile")
app.command(
    "repeat",
    short_help="a run made again from its folder alone",
    epilog=example("repeat @latest", "repeat results/RUN --address /run/containerd.sock --json"),
)(repeat_command)
app.command(
    "root-cause",
    short_help="which factor causes which bug class",
    epilog=example(
        "root-cause --set server=http_server",
        "root-cause --factors snapshot_reference --factors kill=init,all",
    ),
)(root_cause_command)
app.command(
    "blame",
    short_help="every small set of choices whose change removes a class",
    epilog=example("blame iluvatar-2022-07 guarded --bug-class process_died"),
)(blame_command)
app.command(
    "test-hypothesis",
    short_help="what preceded a failure, tested by keeping it away",
    epilog=example(
        "test-hypothesis @latest --bug-class missing_packages",
        "test-hypothesis data/tables/mechanism-hidden --mine-only",
    ),
)(hypothesis_command)
app.command(
    "dose",
    cls=NegativeNumbers,
    short_help="the failure rate over a quantity",
    epilog=example("dose start_delay_ms 0 50 200 1000"),
)(dose_command)
app.command(
    "sweep",
    short_help="a grid of runs, on this host or on many",
    epilog=example(
        "sweep grid.yaml --dry-run",
        "sweep grid.yaml --workers 2",
        "sweep grid.yaml --scheduler tls://10.0.0.1:8786 --out s3://bucket/sweeps --resume",
    ),
)(sweep_command)

app.command(
    "ab",
    short_help="two profiles in shuffled blocks: which is worse",
    epilog=example(
        "ab iluvatar-2022-07 guarded --stop-when-sure --fail-unless-better 0.1",
        "ab mine.toml mine.toml --set-candidate kill=init --unit daemon --fail-if-worse",
    ),
)(ab_command)
app.command(
    "runs",
    short_help="the runs there are, and what to call them by",
    epilog=example("runs", "runs --out /srv/results --json"),
)(runs_command)
app.command(
    "compare",
    short_help="runs beside each other; replicates are judged",
    epilog=example(
        "compare iluvatar-2022-07 guarded",
        "compare A1,A2,A3,A4 B1,B2,B3,B4 --fail-if-worse",
        "compare results/AB_RUN",
    ),
)(compare_command)
app.command(
    "trials-needed",
    short_help="how many trials show a difference, before they are run",
    epilog=example("trials-needed --rate 0.3 --difference 0.1 --design-effect 1.5"),
)(trials_needed_command)
app.command(
    "fleet",
    short_help="measured rates on many workers; what a claim takes",
    epilog=example(
        "fleet observed --client iluvatar_worker --workers 200 --price 0.1",
        "fleet --measured 3/2000000 --starts-per-second 2 --claim 1e-6",
    ),
)(fleet_command)
app.command(
    "figure",
    cls=FigureHelp,
    short_help="a figure of runs as a file, for a screen or a paper",
    epilog=example(
        "figure iluvatar-2022-07 guarded --out rates.pdf --style paper",
        "figure @latest lifecycles --out lives.svg --width 170mm",
        "figure @latest --trial 17",
    ),
)(figure_command)
app.command(
    "report",
    short_help="runs as one HTML page",
    epilog=example("report iluvatar-2022-07 guarded --out report.html"),
)(report_command)
app.command(
    "notebook",
    cls=NotebookHelp,
    short_help="a notebook through papermill, or a grid of them",
    epilog=example(
        "notebook compare -p baseline=iluvatar-2022-07 -p candidate=guarded",
        "notebook cold_start -p profile=iluvatar-2022-07,guarded -p trials=40,80",
    ),
)(notebook_command)
app.command(
    "record",
    short_help="keep a run under a name",
    epilog=example("record results/RUN guarded --replace"),
)(record_command)
app.command(
    "archive",
    short_help="runs as one zip file with all they were made with",
    epilog=example("archive @latest", "archive RUN RUN --out paper.zip --license CC-BY-4.0"),
)(archive_command)
app.command(
    "open",
    short_help="an archive checked, unpacked, its tables made again",
    epilog=example("open paper.zip", "open paper.zip --into /tmp/paper --json"),
)(open_command)

app.command(
    "rejudge",
    short_help="a run's verdicts anew, by today's rules",
    epilog=example("rejudge results/RUN --dry-run"),
)(rejudge_command)
app.add_typer(profile_app, name="profile", short_help="profiles: presets and your own")
app.add_typer(image_app, name="image", short_help="function images: build, import, pull, remove")
app.add_typer(function_app, name="function", short_help="the functions that are built in")
app.command(
    "clean",
    short_help="remove what killed runs left on this host",
    epilog=example("clean", "clean --all"),
)(clean_command)
app.add_typer(daemon_app, name="daemon", short_help="a private containerd that lives on")

app.command(
    "ground-truth",
    short_help="is the attribution right: causes made on purpose",
    epilog=example("ground-truth --out data/ground_truth.csv"),
)(ground_truth_command)
app.command(
    "false-alarms",
    short_help="how often `ab` alarms: a profile against itself",
    epilog=example("false-alarms --comparisons 40 --table data/false_alarms.csv"),
)(false_alarms_command)
app.command(
    "overhead",
    short_help="our client beside ctr, runc alone and containerd-stress",
    epilog=example("overhead", "overhead --rounds 3 --json"),
)(overhead_command)
app.command(
    "start-benchmark",
    short_help="how long help, wrong requests and first containers take",
    epilog=example("start-benchmark", "start-benchmark --answers-only --json"),
)(start_benchmark_command)
app.command(
    "record-benchmark",
    short_help="what a trial costs to keep, by how many there are",
    epilog=example("record-benchmark", "record-benchmark --trials 100000 --in /var/tmp --json"),
)(record_benchmark_command)
app.command(
    "creation-benchmark",
    short_help="how many containers are best made at a time",
    epilog=example("creation-benchmark", "creation-benchmark --limit 1 --limit 4 --json"),
)(creation_benchmark_command)
app.command(
    "network-benchmark",
    short_help="what networks cost of themselves",
    epilog=example("network-benchmark"),
)(network_benchmark)
app.command(
    "monitor-benchmark",
    short_help="what a sample of a container costs, beside psutil",
    epilog=example("monitor-benchmark", "monitor-benchmark --processes 20 --json"),
)(monitor_benchmark_command)
app.command(
    "log-benchmark",
    short_help="the reader of logs: exact, and how fast",
    epilog=example("log-benchmark --size-mb 100"),
)(log_benchmark_command)


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


def main() -> None:
    """Entry point of the console script."""
    with signals_as_interrupts():
        try:
            with errors_told():
                _call_app()
        except SystemExit as end:
            sys.exit(exit_status(end.code) if isinstance(end.code, int) else end.code)


def _call_app() -> None:
    try:
        _command()(prog_name=program())
    except ModuleNotFoundError as error:
        # No option before the command takes a value.
        command = next(word for word in sys.argv[1:] if not word.startswith("-"))
        known = missing_extra(command, error)
        if known is None:
            raise
        raise known from error


@cache
def _command() -> Callable[..., Any]:
    """Every command with its options, once a process: it takes a twentieth of a second."""
    return typer.main.get_command(app)
