"""The README and the pages in docs promise nothing that the command line does not keep, nor
docs/promises.md and docs/edges.md the tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iluvatar_bench.batch.notebook_files import notebook_names
from iluvatar_bench.functions import builtin_names
from iluvatar_bench.profiles import factor_names
from tests.support.command_lines import mistakes
from tests.support.pages import PAGES, ROOT, anchors_of, commands_of, links_of, name_of, tokens
from tools.site.contents import groups_of

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WORKLOADS = ROOT / "docs" / "workloads.md"
NEEDS = ["Tutorial", "How-to", "Reference", "Explanation"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    wrong = {line: found for line in commands_of(page) if (found := mistakes(line))}
    assert wrong == {}


def test_the_commands_of_the_pages_were_read() -> None:
    assert {"./bench demo", "./bench test"} <= {
        " ".join(line.split()[:2]) for line in commands_of(README)
    }
    assert sum(len(commands_of(page)) for page in PAGES) > 150


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_command_stands_where_it_is_not_checked(page: Path) -> None:
    """In a block that is only indented, or that does not say that it is shell."""
    for token in tokens(page):
        assert token.type != "code_block", f"{token.content!r}: a block needs its language"
        if token.type == "fence" and token.info not in ("sh", "console"):
            assert not re.search(r"^(\./bench|iluvatar-bench) ", token.content, re.M), token.content


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    missing = []
    for link in links_of(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if re.match(r"https?:|mailto:", link):
            continue
        if not path.exists() or (anchor and anchor not in anchors_of(path)):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_that_a_page_runs_are_there(page: Path) -> None:
    called = re.findall(r"python -m ((?:tools|tests|iluvatar_bench)[\w.]*)", page.read_text())
    assert [name for name in called if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


def test_the_site_has_nothing_to_complain_of_in_the_written_pages(tmp_path: Path) -> None:
    """Sphinx reads them all and resolves every reference; tests/test_site.py builds all of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check", f"--out={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_readme_is_one_screen_a_reader() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    doors = re.findall(r"^## (.+)$", text, re.M)
    assert doors[1:] == ["My worker is sick", "My client under test", "Research", "Contribute"]


def test_every_page_is_listed_by_need_and_once() -> None:
    groups = groups_of((ROOT / "docs" / "index.md").read_text())
    assert [group.title for group in groups] == NEEDS
    listed = [page for group in groups for page in group.pages]
    written = {name_of(page).removesuffix(".md") for page in PAGES}
    assert sorted(listed) == sorted(written - {"README", "docs/index"})


def test_what_contributors_are_asked_for_and_given_exists() -> None:
    """The commands of the issue templates, and the programs of the hooks."""
    for template in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")):
        text = template.read_text()
        assert "iluvatar-bench doctor --json" in text
        assert "manifest.json" in text
        for line in re.findall(r"`(iluvatar-bench [^`]+)`", text):
            assert mistakes(line) == [], line
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    assert "./bench test" in entries, "the hooks run what CI runs"
    assert all((ROOT / entry.split()[0]).exists() for entry in entries)


def code_of(text: str) -> list[str]:
    """What stands as code within the lines of a text, word by word."""
    lines = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [word for code in re.findall(r"`([^`]+)`", lines) for word in code.split()]


def named_in(text: str) -> tuple[list[Path], list[str]]:
    """Files and folders that a text names, and names that are to stand in those files."""
    words = code_of(text)
    paths = [word for word in words if re.fullmatch(r"\w[\w/.-]*/[\w.-]*|test_\w+\.py", word)]
    homes = [ROOT, ROOT / "iluvatar_bench"]
    found = [next((h / p for h in homes if (h / p).exists()), ROOT / p) for p in paths]
    names = [word for word in words if re.fullmatch(r"_?[A-Z][A-Za-z_]{4,}|_\w+|test_\w+", word)]
    return found, names


def test_what_a_recipe_names_is_there() -> None:
    """The files and folders of CONTRIBUTING.md; and in a recipe's files the names that it says."""
    text = CONTRIBUTING.read_text()
    paths, _ = named_in(text)
    assert len(paths) > 50
    missing = [path for path in paths if not path.exists() and path.stem != "NAME"]
    assert [str(path) for path in missing] == []
    recipes = text.partition("## How to add")[2].split("\n### ")[1:]
    unknown = []
    for recipe in recipes:
        paths, names = named_in(recipe)
        said = "".join(path.read_text() for path in paths if path.suffix == ".py")
        title = recipe.splitlines()[0]
        unknown += [(title, name) for name in names if not re.search(rf"\b{name}\b", said)]
    assert unknown == []


def test_every_factor_and_built_in_function_has_its_place_in_the_page() -> None:
    text = WORKLOADS.read_text()
    factors, functions = (
        text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        for title in ("Factors", "Functions")
    )
    assert set(factor_names()) - set(re.findall(r"`(\w+)`", factors)) == set()
    assert set(builtin_names()) - set(re.findall(r"`(\w+)`", functions)) == set()


def test_every_notebook_is_listed() -> None:
    listed = set(links_of(ROOT / "docs" / "notebooks.md"))
    assert {f"../notebooks/{name}.ipynb" for name in notebook_names()} <= listed


PROMISES = [ROOT / "docs" / name for name in ("promises.md", "edges.md")]


def named_tests() -> list[str]:
    """Every test that the pages of promises name, as a path below ``tests`` and a function."""
    text = "".join(page.read_text() for page in PROMISES)
    return sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", text)))


def test_the_tests_that_the_documentation_names_exist() -> None:
    missing = []
    for name in named_tests():
        path, function = name.split("::")
        text = (ROOT / "tests" / path).read_text()
        if not re.search(rf"^(?:async )?def {function}\(", text, re.M):
            missing.append(name)
    assert missing == []
    assert len(named_tests()) > 100


@pytest.mark.parametrize("page", PROMISES, ids=name_of)
def test_every_row_of_promises_names_a_test(page: Path) -> None:
    rows = re.findall(r"^\| (?!promise).*\|$", page.read_text(), re.M)
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"\.py::test_", row)] == []
