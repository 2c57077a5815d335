"""A site's own signatures: read, refused, tried first, and drafted from unknown errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from iluvatar_bench.bugs.taxonomy import BugClass, Certainty
from iluvatar_bench.errors import NoSuchFile, UsageError
from iluvatar_bench.worker_logs import LogReport, scan
from iluvatar_bench.worker_logs.own_signatures import described, drafts, read_signatures

FROB = """
[[signature]]
class = "network"
pattern = 'frob table of \\S{1,60} is inconsistent'
certainty = "likely"
alternatives = ["deadline"]
source = "frobd 3"
"""
LINE = 'time="2025-01-08T10:10:10Z" level=error msg="frob table of web is inconsistent" id=web\n'


def written(tmp_path: Path, text: str, name: str = "own.toml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def scanned(tmp_path: Path, text: str, own: Path | None = None) -> LogReport:
    signatures = read_signatures(own) if own is not None else ()
    return scan([written(tmp_path, text, "a.log")], signatures=signatures)


def test_a_signature_gives_its_class(tmp_path: Path) -> None:
    own = written(tmp_path, f"{FROB}example = 'said: frob table of web is inconsistent'\n")
    (signature,) = read_signatures(own)
    assert (signature.bug_class, signature.certainty) == (BugClass.NETWORK, Certainty.LIKELY)
    assert described([signature]) == "network 1"
    assert scanned(tmp_path, LINE).failures["bug_class"].tolist() == ["unclassified"]
    failures = scanned(tmp_path, LINE, own).failures
    assert failures[["bug_class", "certainty", "alternatives"]].to_numpy().tolist() == [
        ["network", "likely", "deadline"]
    ]


def test_an_own_signature_comes_before_the_table(tmp_path: Path) -> None:
    own = written(
        tmp_path, FROB.replace("frob table of \\S{1,60} is inconsistent", "ttrpc: closed")
    )
    failures = scanned(tmp_path, LINE.replace("frob table", "ttrpc: closed"), own).failures
    assert failures["bug_class"].tolist() == ["network"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = ", "not a TOML file"),
        ("", "expected tables"),
        ("[signature]\nclass='network'\npattern='frobnicate'", "expected tables"),
        ("[[signature]]\nclass='network'", "class and pattern are required"),
        ("[[signature]]\nclass='netwrk'\npattern='frobnicate'", "class is one of"),
        ("[[signature]]\nclass='unclassified'\npattern='frobnicate'", "class is one of"),
        ("[[signature]]\nclass='network'\npattern='frobnicate'\nlevel='x'", "no key 'level'"),
        ("[[signature]]\nclass='network'\npattern='frob('", "cannot be used"),
        ("[[signature]]\nclass='network'\npattern='frobnicate.*'", "without an upper bound"),
        ("[[signature]]\nclass='network'\npattern='a.{0,99}b.{0,99}frobnicate'", "ways to try it"),
        ("[[signature]]\nclass='network'\npattern='(?i)frobnicate'", "ignores case"),
        ("[[signature]]\nclass='network'\npattern='(frob)nicate\\1'", "not known"),
        ("[[signature]]\nclass='network'\npattern='frob'", "6 characters or more"),
        ("[[signature]]\nclass='network'\npattern='frobnicate'\ncertainty='sure'", "certainty is"),
        ("[[signature]]\nclass='network'\npattern='frobnicate'\nalternatives='x'", "a list of"),
        (
            "[[signature]]\nclass='network'\npattern='frobnicate'\nexample='frob'",
            "signature 1: the pattern does not fit its example 'frob'",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        read_signatures(written(tmp_path, text))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match="absent"):
        read_signatures(tmp_path / "absent.toml")


def test_a_draft_becomes_a_rule_once_a_class_is_chosen(tmp_path: Path) -> None:
    lines = "".join(
        f'time="2025-01-08T10:10:1{n}Z" level=error msg="odd frob {n} of \\"x{n}\\" at /a/b{n}"\n'
        for n in range(3)
    )
    report = scanned(tmp_path, lines)
    draft = drafts(report.unclassified)
    assert "# 3 times; the first: " in draft
    own = written(tmp_path, draft)
    with pytest.raises(UsageError, match="class is one of"):
        read_signatures(own)
    own.write_text(draft.replace('class = ""', 'class = "network"'))
    again = scanned(tmp_path, lines, own)
    assert again.unclassified.empty
    assert again.failures["bug_class"].tolist() == ["network"] * 3
