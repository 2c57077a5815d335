"""Greets by name: the smallest function, as in the worker's own examples."""


def main(args: dict) -> dict:
    """Return ``{"greeting": ...}`` for ``{"name": ...}``."""
    return {"greeting": f"Hello {args.get('name', 'world')} from python"}
