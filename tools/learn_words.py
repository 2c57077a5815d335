"""Weigh the words of failures: ``python -m tools.learn_words`` writes the package's weights.

Trains the multinomial logistic regression of :mod:`iluvatar_bench.bugs.resemblance` on the
labelled texts of ``tests/bugs``: of ``labelled/`` without the third that is kept for testing, the
sets of public reports, ``written/`` and ``phrases.txt``. A text that allows several classes counts
for their sum.

``python -m tools.learn_words --leave-one-out`` instead leaves out one set of public reports at a
time, trains on the rest, and prints how much of the one left out is right.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy import optimize, sparse

from iluvatar_bench.bugs import resemblance
from iluvatar_bench.bugs.resemblance import SCALE, WEIGHTS, Weights, features
from tests.bugs.labelled_texts import (
    LabelledText,
    labelled_texts,
    phrases,
    public_reports,
    written_texts,
)

PENALTY = 3e-6
"""Of the squared weights; of 1e-6, 3e-6, 1e-5 and 3e-5 the best where one set was left out."""
STEPS = 60
LEAST = 0.3
"""A smaller weight, before its word's rarity counts, is left out: two thirds, of no effect."""
_SEEN_AT_LEAST = 3
_SHARED = 0.6
"""Texts of no public set that share so much of their words with one that is left out are too."""

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def training_texts() -> list[LabelledText]:
    """Everything that may be learnt from."""
    labelled = labelled_texts()
    kept = {text.text for text in labelled if text.for_testing}
    texts = [*labelled, *public_reports(), *written_texts(), *phrases()]
    return [text for text in texts if text.text not in kept]


def learn(texts: Sequence[LabelledText], *, penalty: float = PENALTY) -> Weights:
    """The weights that fit the labels of ``texts`` best. Deterministic."""
    found = [features(text.text) for text in texts]
    seen = Counter(feature for of_text in found for feature in of_text)
    words = sorted(word for word, count in seen.items() if count >= _SEEN_AT_LEAST)
    classes = sorted({label for text in texts for label in text.labels})
    rarity = np.log(len(texts) / np.array([seen[word] for word in words]))
    matrix = _matrix(found, {word: at for at, word in enumerate(words)}, rarity)
    allowed = np.array([[name in text.labels for name in classes] for text in texts], dtype=float)
    weights, bias = _fit(matrix, allowed, penalty)
    weights[abs(weights) < LEAST] = 0
    stored = np.rint(weights * rarity[:, None] * SCALE).astype(int)
    rarities = np.rint(rarity * SCALE).astype(int)
    return Weights(
        classes=tuple(classes),
        bias=tuple(round(float(value), 2) for value in bias),
        words={
            word: [int(rare), *(int(n) for at in np.flatnonzero(row) for n in (at, row[at]))]
            for word, rare, row in zip(words, rarities, stored, strict=True)
            if row.any()
        },
    )


def _matrix(
    found: Iterable[frozenset[str]], index: dict[str, int], rarity: Array
) -> sparse.csr_array:
    """A row for each text, of length one: what the rarities of its words are to each other."""
    rows, columns, values = list[int](), list[int](), list[float]()
    count = 0
    for of_text in found:
        known = sorted(index[feature] for feature in of_text if feature in index)
        rows += [count] * len(known)
        columns += known
        own = rarity[known]
        values += list(own / max(float(np.linalg.norm(own)), 1e-9))
        count += 1
    return sparse.csr_array((values, (rows, columns)), shape=(count, len(index)))


def _fit(matrix: sparse.csr_array, allowed: Array, penalty: float) -> tuple[Array, Array]:
    texts, classes = allowed.shape
    words = matrix.shape[1]
    transposed = matrix.T.tocsr()

    def loss(flat: Array) -> tuple[float, Array]:
        weights, bias = flat[:-classes].reshape(words, classes), flat[-classes:]
        scores = matrix @ weights + bias
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        right = shares * allowed
        total = right.sum(axis=1, keepdims=True) + 1e-12
        slope = (shares - right / total) / texts
        value = -np.log(total).mean() + penalty * (weights**2).sum() / 2
        gradient = [(transposed @ slope + penalty * weights).ravel(), slope.sum(axis=0)]
        return float(value), np.concatenate(gradient)

    start = np.zeros((words + 1) * classes)
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return best[:-classes].reshape(words, classes), best[-classes:]


def left_out(texts: Sequence[LabelledText], kind: str) -> tuple[Weights, list[LabelledText]]:
    """The weights without the set ``kind`` and what resembles it closely, and that set."""
    out = [text for text in texts if text.kind == kind]
    known = [features(text.text) for text in out]

    def near(text: LabelledText) -> bool:
        own = features(text.text)
        return any(len(own & other) > _SHARED * len(own | other) for other in known)

    rest = [t for t in texts if t.kind != kind and (t.is_public or not near(t))]
    return learn(rest), out


def main(arguments: Sequence[str]) -> None:
    """Write the weights, or print the table of what was left out."""
    texts = training_texts()
    if "--leave-one-out" not in arguments:
        learnt = learn(texts)
        stored = {"classes": learnt.classes, "bias": learnt.bias, "words": learnt.words}
        target = Path(resemblance.__file__).with_name(WEIGHTS)
        target.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")
        sys.stdout.write(f"{len(learnt.words)} words, {target.stat().st_size} bytes\n")
        return
    for kind in dict.fromkeys(text.kind for text in texts if text.is_public):
        by, out = left_out(texts, kind)
        failures = [text for text in out if not text.is_healthy]
        right = sum(
            str(resemblance.resemblance(text.text, by).bug_class) in text.labels
            for text in failures
        )
        sys.stdout.write(f"{kind:12} {right}/{len(failures)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
