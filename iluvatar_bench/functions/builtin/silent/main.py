"""Starts, never says a word and never listens: the control for a silent start.

The server imports this module before it listens, so the import that does not end is enough.
Nobody has killed it, nothing of it is missing: the fault is its own.
"""

import threading

threading.Event().wait()


def main(args: dict) -> dict:
    """Never reached."""
    return {}
