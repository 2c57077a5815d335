"""``proxy``: what a client asks of containerd, written down call by call."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.options import AsJson
from iluvatar_bench.commands.output import err, print_plain
from iluvatar_bench.commands.proxy_report import report_recording
from iluvatar_bench.count_words import count_of
from iluvatar_bench.errors import UsageError
from iluvatar_bench.host.socket_address import socket_path

if TYPE_CHECKING:
    from iluvatar_bench.containerd.proxy.serve import Proxy


def proxy_command(
    listen: Annotated[
        Path | None,
        typer.Option(
            parser=socket_path,
            metavar="SOCKET",
            help="the socket to listen at: clients are pointed to it",
        ),
    ] = None,
    address: Annotated[
        Path | None,
        typer.Option(
            parser=socket_path,
            metavar="SOCKET",
            help="socket of the containerd behind; default: the system's",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder of the recording; default: results/proxy-<time>"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="no recording: what the one in this folder says, as text, page and pictures",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stand between clients and a containerd, change nothing, and write down every call."""
    if report is not None:
        if listen is not None or out is not None:
            raise UsageError("--report reads a recording; --listen and --out make one")
        report_recording(report, as_json=as_json)
        return
    if listen is None:
        raise UsageError("--listen SOCKET makes a recording, --report DIR reads one")
    if address is None:
        from iluvatar_bench.audit import SYSTEM_SOCKET

        address = SYSTEM_SOCKET
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = out or Path("results") / f"proxy-{stamp}"
    count = asyncio.run(_record(listen, address, folder))
    print_plain(f"{count_of(count, 'call')} in {folder}/calls.parquet")


async def _record(listen: Path, address: Path, folder: Path) -> int:
    """Record until a signal comes; how many calls there were."""
    from iluvatar_bench.containerd.proxy.call_log import CallLog
    from iluvatar_bench.containerd.proxy.serve import open_proxy
    from iluvatar_bench.host.stop_signals import stop_on_signals

    with CallLog(folder) as log, stop_on_signals(on_stop=lambda: None) as stop:
        async with open_proxy(listen, upstream=address, sink=log.append) as proxy:
            err.print(
                f"recording at {listen}: calls are passed on to {address} as they are and only "
                "written down; Ctrl-C ends it",
                soft_wrap=True,
                markup=False,
            )
            watching = asyncio.create_task(_tell_of_daemon(proxy))
            await stop.wait()
            watching.cancel()
        return proxy.recorder.count


async def _tell_of_daemon(proxy: Proxy) -> None:
    """Say when the daemon behind is gone, and when it is back."""
    import grpc

    words = {
        grpc.ChannelConnectivity.TRANSIENT_FAILURE: "is gone: clients get UNAVAILABLE until it is "
        "back",
        grpc.ChannelConnectivity.READY: "answers again",
    }
    said, state = words[grpc.ChannelConnectivity.READY], proxy.channel.get_state()
    while True:
        await proxy.channel.wait_for_state_change(state)
        state = proxy.channel.get_state(try_to_connect=True)
        word = words.get(state, said)
        if word != said:
            err.print(f"containerd at {proxy.upstream} {word}", soft_wrap=True, markup=False)
            said = word
