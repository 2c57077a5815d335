"""Options that several commands share, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Results = Annotated[Path, typer.Option("--out", help="folder for the run folders")]
Seed = Annotated[int, typer.Option(help="seed of the plan")]
ProfileName = Annotated[
    str, typer.Option("--profile", help="a preset, or a profile's file; see --set")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="FACTOR=LEVEL", help="change one factor")
]
Address = Annotated[
    Path | None,
    typer.Option(help="socket of a running containerd; default: a private one is started"),
]
