"""What an error resembles by its words: a class, or none of them.

For where no signature decides, or only a broad one, and for whether a doubtful line is a failure.

No list of sentences is ever whole, but the words of failures are few. A multinomial logistic
regression weighs each word, each pair of neighbours and each word's first letters for each class,
the more the rarer it is (its inverse document frequency); it was trained on the labelled texts of
``tests/bugs`` by ``tools/learn_words.py``, which wrote ``word_weights.json``. Every answer can be
explained by the words that spoke for it (:func:`speaking_for`). What comes of it is never certain.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from iluvatar_bench.bugs.taxonomy import BugClass

HEALTHY = "healthy"
"""Beside the classes the label of a text that reports no failure."""

WEIGHTS = "word_weights.json"
SCALE = 4
"""Weights and rarities are stored as whole numbers, so many times themselves."""

_READ = 1_500
_NAMES = re.compile(
    r"\b[0-9a-f]{7,64}\b|\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b|\\n"
)
_NOT = re.compile(r"n't\b")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_STEM = 5
# Exit codes and HTTP statuses that say something; every other number is a number.
_EXITS = ("1", "2", "125", "126", "127", "128", "137", "139", "143", "255")
_STATUSES = ("400", "401", "403", "404", "409", "429", "500", "502", "503", "504")
_NUMBERS = frozenset((*_EXITS, *_STATUSES))
_LONGEST_NUMBER = 3
_SHOWN_WORDS = 4


@dataclass(frozen=True, slots=True)
class Resemblance:
    """``shares``: the classes with how sure each is (0 to 1, together 1), the surest first.
    ``healthy`` (0 to 1): how much the text resembles those that report no failure."""

    shares: tuple[tuple[BugClass, float], ...]
    healthy: float

    @property
    def bug_class(self) -> BugClass:
        """The class that the text resembles most."""
        return self.shares[0][0]

    def preferred(self, told: BugClass, head_start: float) -> tuple[BugClass, float]:
        """The surest class and its share, if ``told`` has ``head_start`` before all others."""
        return max(self.shares, key=lambda pair: pair[1] + head_start * (pair[0] is told))


def features(text: str) -> frozenset[str]:
    """The words, beginnings of words and pairs of them that ``text`` is judged by.

    Ids are left out, and numbers but for those that say something are one word.
    """
    words = list(_words(_NOT.sub(" not", _NAMES.sub(" ", text[:_READ]))))
    stems = [word[:_STEM] for word in words]
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(stems))
    return frozenset((*stems, *(f"{word}." for word in words if len(word) > _STEM), *pairs))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        if not word.isdigit():
            if len(word) > 1:
                yield word.lower()
        elif len(word) <= _LONGEST_NUMBER:
            yield word if word in _NUMBERS else "#"


@dataclass(frozen=True, slots=True)
class Weights:
    """``words``: for each feature its rarity, then the index of a class and the weight for it, in
    turns. The rarity is the logarithm of how many texts there are for one that has the feature; the
    weight counts it in."""

    classes: tuple[str, ...]
    bias: tuple[float, ...]
    words: dict[str, list[int]]

    def scores(self, text: str) -> list[float]:
        """Logarithms of how likely each class is, but for a constant."""
        known = [weights for f in features(text) if (weights := self.words.get(f)) is not None]
        total = [0] * len(self.classes)
        for weights in known:
            for at in range(1, len(weights), 2):
                total[weights[at]] += weights[at + 1]
        norm = math.sqrt(sum(weights[0] ** 2 for weights in known)) or 1.0
        return [bias + weight / norm for bias, weight in zip(self.bias, total, strict=True)]

    def speaking_for(self, text: str, index: int) -> tuple[str, ...]:
        """The features of ``text`` that weigh most for a class, the heaviest first."""
        weights = ((self._of(f, index), f.rstrip(".")) for f in features(text))
        heaviest = sorted((w for w in weights if w[0] > 0), key=lambda w: (-w[0], w[1]))
        return tuple(dict.fromkeys(f for _, f in heaviest))[:_SHOWN_WORDS]

    def _of(self, feature: str, index: int) -> int:
        weights = self.words.get(feature, [0])
        pairs = zip(weights[1::2], weights[2::2], strict=True)
        return next((weight for at, weight in pairs if at == index), 0)


@cache
def weights() -> Weights:
    """The weights that come with the package."""
    stored = json.loads(resources.files(__package__).joinpath(WEIGHTS).read_bytes())
    return Weights(tuple(stored["classes"]), tuple(stored["bias"]), stored["words"])


def resemblance(text: str, by: Weights | None = None) -> Resemblance:
    """What ``text`` resembles; ``by`` other weights than the package's, for validation."""
    by = by or weights()
    scores = by.scores(text)
    top = max(scores)
    sizes = {name: math.exp(s - top) for name, s in zip(by.classes, scores, strict=True)}
    whole = sum(sizes.values())
    healthy = sizes.pop(HEALTHY)
    shares = [(BugClass(name), size / (whole - healthy)) for name, size in sizes.items()]
    return Resemblance(tuple(sorted(shares, key=lambda pair: -pair[1])), healthy / whole)


def speaking_for(text: str, bug_class: BugClass) -> tuple[str, ...]:
    """The pieces of ``text`` that speak most for the class, the heaviest first; at least one."""
    by = weights()
    return by.speaking_for(text, by.classes.index(bug_class)) or ("",)
