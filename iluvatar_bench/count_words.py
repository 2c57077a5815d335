"""Numbers of things in words: one file, two files. Pure."""

from __future__ import annotations


def count_of(number: int, one: str, several: str | None = None) -> str:
    """A number with its noun, which takes an s where ``several`` says nothing else."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
