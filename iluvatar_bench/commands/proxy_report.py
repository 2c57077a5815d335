"""``proxy --report``: what a recording says, as text, a page and pictures."""

from __future__ import annotations

from pathlib import Path

from iluvatar_bench.commands.output import print_json, print_plain
from iluvatar_bench.errors import UnusablePath
from iluvatar_bench.host.whole_files import write_whole

PAGE = "calls.html"


def report_recording(folder: Path, *, as_json: bool = False) -> None:
    """Print what the recording in ``folder`` says, and write its page and pictures beside it.

    Raises:
        UnusablePath: there is no recording in the folder, or it cannot be written to.
        MissingExtra: no matplotlib; the text is printed all the same.
    """
    from iluvatar_bench.clients.call_facts import facts_of
    from iluvatar_bench.containerd.proxy.call_log import JOURNAL, TABLE, read_calls, read_journal
    from iluvatar_bench.records import Call
    from iluvatar_bench.report.call_facts_text import call_facts_text

    if (folder / TABLE).exists():
        calls = read_calls(folder / TABLE)
    elif (folder / JOURNAL).exists():
        # The proxy still runs, or was killed: what it wrote so far.
        rows = read_journal(folder / JOURNAL)
        calls = tuple(sorted(map(Call.from_row, rows), key=lambda call: call.number))
    else:
        raise UnusablePath(f"{folder} holds no recording ({TABLE}); make one with --listen")
    facts = facts_of(calls)
    if as_json:
        print_json(
            {
                "calls": len(calls),
                "containers": len(facts.containers),
                "safe": not facts.unsafe,
                "facts": [fact.as_row() for fact in facts.facts],
            }
        )
    else:
        print_plain(call_facts_text(facts, len(calls)))
    from iluvatar_bench.report import save_figure
    from iluvatar_bench.report.call_page import call_page, drawn_containers
    from iluvatar_bench.report.figures.sequence import plot_sequence

    try:
        write_whole(folder / PAGE, call_page(calls, facts, title=f"The calls of {folder.name}"))
    except OSError as error:
        raise UnusablePath(f"cannot write {folder / PAGE}: {error.strerror}") from error
    for position, (container, found) in enumerate(drawn_containers(facts), start=1):
        picture = plot_sequence(calls, container, found)
        save_figure(picture, folder / f"sequence-{position}")
    if not as_json:
        print_plain(f"\n{folder / PAGE}")
