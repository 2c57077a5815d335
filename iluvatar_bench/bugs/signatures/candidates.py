"""Which signatures can match a text at all, found without asking each of them.

A log that is dense with failures asks for the class of every line of it. To look for each of some
1,500 words in a line costs more than all that follows. So two pieces of each word are filed, five
letters each, one a letter behind the other, and of the text every other piece is looked up:
wherever the word stands, one of the two begins at an even place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iluvatar_bench.bugs.signatures.wording import Signature

_PIECE = 5
_STEP = 2


class Candidates:
    """The signatures of a table by pieces of their words.

    Raises:
        ValueError: a word is too short to be filed.
    """

    def __init__(self, table: Sequence[Signature]) -> None:
        self._table = table
        words = {word for signature in table for word in signature.words}
        shared = Counter(piece for word in words for pair in _pairs(word) for piece in pair)
        self._ranks: dict[str, list[int]] = {}
        self._words: dict[str, set[str]] = {}
        for rank, signature in enumerate(table):
            for word in signature.words:
                self._ranks.setdefault(word, []).append(rank)
        for word in words:
            if len(word) < _PIECE + _STEP - 1:
                who = table[self._ranks[word][0]]
                raise ValueError(f"{word!r} is too short: {who.pattern.pattern!r}")
            # What few other words have.
            for piece in min(_pairs(word), key=lambda pair: sum(shared[p] for p in pair)):
                self._words.setdefault(piece, set()).add(word)
        self._filed = self._words.keys()

    def of(self, text: str) -> list[Signature]:
        """The signatures of which a word occurs in ``text``, in the order of the table.

        None that can match is left out.
        """
        pieces = {text[at : at + _PIECE] for at in range(0, len(text) - _PIECE + 1, _STEP)}
        words: set[str] = set()
        for piece in self._filed & pieces:
            words |= self._words[piece]
        ranks: set[int] = set()
        for word in words:
            if word in text:
                ranks.update(self._ranks[word])
        return [self._table[rank] for rank in sorted(ranks)]


def _pairs(word: str) -> list[tuple[str, ...]]:
    """Every piece of a word together with the one a letter behind it."""
    return [
        tuple(word[start + step : start + step + _PIECE] for step in range(_STEP))
        for start in range(len(word) - _PIECE - _STEP + 2)
    ]
