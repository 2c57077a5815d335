"""Imports what it does not ship: the control for an error that is the function's own.

Its words are those of the missing-packages bug (``ModuleNotFoundError``), its snapshot is intact.
"""

import numpy


def main(args: dict) -> dict:
    """Never reached: numpy is not in reqs.txt, and there is no reqs.txt."""
    return {"sum": float(numpy.sum(args.get("numbers", [])))}
