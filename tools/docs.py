"""Builds the documentation as a site that needs no network: ``./bench docs``.

Warnings are errors, broken links between pages among them. The first build runs every notebook on
recorded data and draws every figure, which takes minutes; they are kept in ``build/docs`` until
code, notebooks or recorded data change.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sphinx.cmd.build import build_main

from tools.site.assemble import ROOT, assemble
from tools.site.executed import executed_notebooks, state_of_sources, stored_notebooks
from tools.site.gallery import FOLDER, draw_gallery

CONFIGURATION = Path(__file__).parent / "site"


def build(out: Path, *, plain: bool, say: Callable[[str], None]) -> int:
    """Build the site into ``out/html``, new; 0 if there was nothing to complain of.

    ``plain`` leaves away what takes minutes: outputs of notebooks and the pictures of figures.
    """
    kept = out / "kept" / state_of_sources()
    for older in set((out / "kept").glob("*")) - {kept}:
        shutil.rmtree(older)
    if not plain:
        say("drawing figures of recorded runs")
        draw_gallery(kept)
    notebooks = stored_notebooks() if plain else executed_notebooks(kept, say=say)
    source = _new(out / "source")
    assemble(source, notebooks, figures=None if plain else kept / FOLDER, api=True)
    return _sphinx("html", source, _new(out / "html"), out / "doctrees")


def check(out: Path) -> int:
    """Read every written page and resolve every reference, writing no page: 3 s instead of 30."""
    source = _new(out / "source")
    assemble(source, stored_notebooks(), figures=None, api=False)
    return _sphinx("dummy", source, _new(out / "nothing"), out / "doctrees")


def _new(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _sphinx(builder: str, source: Path, out: Path, doctrees: Path) -> int:
    options = ["-b", builder, "-c", str(CONFIGURATION), "-d", str(doctrees), "-E", "-q"]
    return build_main([*options, "-W", "--keep-going", str(source), str(out)])


def main(arguments: Sequence[str]) -> int:
    """Parse, build, say where it is."""
    parser = argparse.ArgumentParser(prog="bench docs", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs", help="folder")
    parser.add_argument(
        "--plain", action="store_true", help="without outputs of notebooks and pictures of figures"
    )
    parser.add_argument(
        "--check", action="store_true", help="only look for what is wrong in the written pages"
    )
    asked = parser.parse_args(arguments)
    out = asked.out.resolve()
    if asked.check:
        return check(out)
    status = build(out, plain=asked.plain, say=_say)
    if status == 0:
        _say(str(out / "html" / "index.html"))
    return status


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
