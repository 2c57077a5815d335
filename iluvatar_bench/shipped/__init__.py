"""Where the files are that travel with the package: the notebooks and the recorded runs.

In a source checkout they are the folders ``notebooks`` and ``data`` beside the package; a wheel has
them in this folder (``[tool.hatch.build.targets.wheel]`` in ``pyproject.toml``). They stand beside
each other in both, and nothing writes into those of a wheel.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent

IN_CHECKOUT = not (_HERE / "notebooks").is_dir()
"""Whether this package runs from a source checkout, editable installations included."""

_HOME = _HERE.parents[1] if IN_CHECKOUT else _HERE

NOTEBOOKS = _HOME / "notebooks"
"""The notebooks, stored without outputs."""

DATA = _HOME / "data"
"""What was recorded: ``runs``, ``tables`` of studies, ``seed`` logs."""

__all__ = ["DATA", "IN_CHECKOUT", "NOTEBOOKS"]
