"""The labelled set: texts of failures, and of none, of many programs.

``python tests/bugs/labelled_texts.py [tuning|testing|public]`` prints the hit rates and every miss.

The files in ``labelled/`` are written by hand from the programs' format strings and the shape of
public reports; names and ids are invented. Each text stands below a head ``=== program | label``.
A label is a bug class, ``unclassified`` (an error without a class of its own) or ``healthy``;
where the text does not decide, all classes that it allows, ``a or b``. The labels were fixed before
the signatures were written to them. A third of the texts, chosen by their hash, was kept for
testing: no signature was written to it, and it was scored once, when all were done.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from iluvatar_bench.bugs.classify import Classification, classify_text

FOLDER = Path(__file__).parent / "labelled"
PUBLIC = Path(__file__).parent / "public_reports"
KEPT = Path(__file__).parent / "kept_reports"
WRITTEN = Path(__file__).parent / "written"
PHRASES = Path(__file__).parent / "phrases.txt"
_HEAD = "=== "


@dataclass(frozen=True, slots=True)
class LabelledText:
    """``labels`` are the classes that count as right, the best one first."""

    kind: str
    program: str
    labels: tuple[str, ...]
    text: str

    @property
    def is_healthy(self) -> bool:
        return self.labels == ("healthy",)

    @property
    def is_public(self) -> bool:
        return (PUBLIC / f"{self.kind}.txt").exists()

    @property
    def for_testing(self) -> bool:
        return hashlib.sha256(self.text.encode()).digest()[0] % 3 == 0


def labelled_texts() -> list[LabelledText]:
    """Every text of every file; ``kind`` is the file's name."""
    return [text for path in sorted(FOLDER.glob("*.txt")) for text in texts_of(path)]


def public_reports() -> list[LabelledText]:
    """Lines in the words of public reports, by batch: the names invented, the labels fixed before
    any signature was run on them. docs/classify.md has the figures of that first run.

    A label that allows ``healthy`` beside a class counts neither way: the line is told calmly, or
    is a warning that may come to nothing.
    """
    found = [text for path in sorted(PUBLIC.glob("*.txt")) for text in texts_of(path)]
    return [text for text in found if text.is_healthy or "healthy" not in text.labels]


def kept_reports() -> list[LabelledText]:
    """Four sets of public reports that nothing was learnt from, and no signature written to."""
    found = [text for path in sorted(KEPT.glob("*.txt")) for text in texts_of(path)]
    return [text for text in found if text.is_healthy or "healthy" not in text.labels]


def second_labels(kind: str) -> list[tuple[str, ...]]:
    """What a second reader, who had not seen the labels, allows of each text of a kept set, in its
    order; what he would write himself comes first."""
    lines = (KEPT / f"{kind}.second").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" or ")) for line in lines]


def written_texts() -> list[LabelledText]:
    """Lines of many programs, written down in order to learn from them: no figure rests on them."""
    found = [text for path in sorted(WRITTEN.glob("*.txt")) for text in texts_of(path)]
    return [text for text in found if text.is_healthy or "healthy" not in text.labels]


def phrases() -> list[LabelledText]:
    """What failures of each class are told in, written down for :mod:`tools.learn_words`."""
    found, labels = list[LabelledText](), tuple[str, ...]()
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            labels = tuple(line.removeprefix("== ").split(" or "))
        elif line:
            found.append(LabelledText(PHRASES.stem, "any", labels, line))
    return found


def texts_of(path: Path) -> list[LabelledText]:
    """Every text of a file, in its order."""
    found = []
    for part in path.read_text(encoding="utf-8").split("\n" + _HEAD):
        head, _, text = part.removeprefix(_HEAD).partition("\n")
        program, labels = head.split(" | ")
        found.append(LabelledText(path.stem, program, tuple(labels.split(" or ")), text.rstrip()))
    return found


def without_ids(text: LabelledText) -> str:
    """The text whatever its ids, numbers and spaces: what makes two lines the same one."""
    return " ".join(re.sub(r"[0-9a-f]{6,}|\d+", "#", text.text).split())


def is_right(text: LabelledText, found: Classification) -> bool:
    """Whether the class is among the labels."""
    return str(found.bug_class or "healthy") in text.labels


def main(which: str) -> None:
    """Print a row for each kind, and the misses."""
    texts = [t for t in labelled_texts() if t.for_testing == (which == "testing")]
    if which == "public":
        texts = public_reports()
    failures = [t for t in texts if not t.is_healthy]
    for kind in [*sorted({t.kind for t in texts}), "all"]:
        own = [t for t in failures if kind in (t.kind, "all")]
        calm = [t for t in texts if t.is_healthy and kind in (t.kind, "all")]
        right = sum(is_right(t, classify_text(t.text)) for t in own)
        seen = sum(classify_text(t.text).bug_class is not None for t in own)
        false = sum(not is_right(t, classify_text(t.text)) for t in calm)
        sys.stdout.write(
            f"{kind:14} right {right}/{len(own)}  seen {seen}/{len(own)}  "
            f"false alarms {false}/{len(calm)}\n"
        )
    for text in texts:
        found = classify_text(text.text)
        if not is_right(text, found):
            sys.stdout.write(
                f"--- {text.kind} {text.program}: {' or '.join(text.labels)}, not "
                f"{found.bug_class}, {found.matched!r}\n{text.text}\n"
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tuning")
