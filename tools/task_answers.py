"""Writes the table in docs/task-service.md: ``python -m tools.task_answers [FOLDER…]``.

Each folder holds the programs of another containerd (``tests/fetch_containerds`` makes them); the
installed one is asked as well. Needs root.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.functions import BuildOptions, build_image, daemon_with, load_function
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.studies.task_answers import Answer, task_answers

PAGE = Path(__file__).resolve().parents[1] / "docs" / "task-service.md"
BEGIN, END = "<!-- answers -->", "<!-- end of answers -->"


async def asked(folder: str) -> tuple[str, list[Answer]]:
    """The version of one containerd, and what it answered."""
    if folder:
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    built = await asyncio.to_thread(
        build_image, load_function("hello"), BuildOptions(byte_code=True)
    )
    async with daemon_with([built], collector=QUIET_COLLECTOR) as node:
        image = await import_layout(
            node.client, built.layout, name=built.name, snapshotters=["overlayfs"]
        )
        version = (await node.client.introspection.version()).version
        return version, await task_answers(node, image)


def table(told: dict[str, list[Answer]]) -> str:
    """A row a question, a column a version; what all say alike stands once."""
    versions = list(told)
    lines = [f"| a task that is | call | {' | '.join(versions)} |"]
    lines.append("|---" * (2 + len(versions)) + "|")
    for answers in zip(*told.values(), strict=True):
        first = answers[0]
        cells = [one.answer.replace("|", "\\|") for one in answers]
        if len(set(cells)) == 1 and len(cells) > 1:
            cells = [cells[0], *["as before"] * (len(cells) - 1)]
        lines.append(f"| {first.state} | {first.call} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(folders: list[str]) -> None:
    """Ask each, one after another, and write the page."""
    path = os.environ["PATH"]
    told: dict[str, list[Answer]] = {}
    for folder in ["", *folders]:
        os.environ["PATH"] = path
        version, answers = asyncio.run(asked(folder))
        told[version] = answers
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{table(told)}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main(sys.argv[1:])
