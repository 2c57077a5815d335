"""What is imported is declared, the core runs without the extras, and the lock has everything."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import iluvatar_bench
from iluvatar_bench.commands import extras

PACKAGE = Path(iluvatar_bench.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Generated, or run inside a container with the packages that its function names.
APART = {"_api", "builtin", "server"}

OF_AN_EXTRA = {
    "batch/sweep/addresses.py": None,
    "batch/sweep/cell_process.py": None,
    "batch/sweep/sweep_cells.py": None,
    "batch/sweep/differences.py": None,
    "batch/sweep/dispatch.py": None,
    "batch/sweep/job_process.py": None,
    "batch/sweep/job_outcome.py": None,
    "batch/sweep/trial_part.py": None,
    "batch/sweep/packed_folder.py": None,
    "batch/sweep/__init__.py": None,
    "batch/sweep": "sweep",
    "batch/notebook_files.py": None,
    "batch/parameters.py": None,
    "batch": "notebooks",
    "report/figures/saving.py": "notebooks",
    "report/live_widget.py": "notebooks",
    "report/arrival_parts.py": "report",
    "report/call_page.py": "report",
    "report/fault_page.py": "report",
    "report/figure_kinds.py": "report",
    "report/figures": "report",
    "report/output_folders.py": "report",
    "report/page.py": "report",
    "report/page_frame.py": "report",
    "report/page_parts.py": "report",
    "report/provenance.py": "report",
    "worker_logs/show.py": "report",
}
"""Modules and packages that an installation of the core cannot import, and what they need; the
first that fits counts. None: it is of the core, in a package that is not."""


def modules() -> Iterator[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return (path for path in found if not APART & set(path.parts))


def extra_of(module: Path) -> str | None:
    homes = {str(module), *map(str, module.parents)}
    return next((extra for home, extra in OF_AN_EXTRA.items() if home in homes), None)


def declared(extra: str | None) -> set[str]:
    """The distributions of the core, and with an extra those of it and of the extras it names."""
    listed = [*PROJECT["dependencies"]]
    if extra is not None:
        listed += PROJECT["optional-dependencies"][extra]
    found: set[str] = set()
    for requirement in map(Requirement, listed):
        if canonicalize_name(requirement.name) == PROJECT["name"]:
            found |= set().union(*map(declared, requirement.extras))
        else:
            found.add(canonicalize_name(requirement.name))
    return found


def imports_of(path: Path) -> Iterator[str]:
    """The packages of other projects that the module imports, also within a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(str(node.module))
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top != PACKAGE.name:
                yield top


def test_every_import_is_of_a_declared_distribution() -> None:
    distributions = packages_distributions()
    undeclared = {
        f"{module}: {name}"
        for module in modules()
        for name in imports_of(PACKAGE / module)
        if not {canonicalize_name(d) for d in distributions[name]} & declared(extra_of(module))
    }
    assert undeclared == set()


def test_every_declared_distribution_is_imported() -> None:
    """But for the place to open notebooks in, a release that one of theirs must not have, and what
    distributed makes keys with."""
    distributions = packages_distributions()
    imported = {
        canonicalize_name(distribution)
        for module in modules()
        for name in imports_of(PACKAGE / module)
        for distribution in distributions[name]
    }
    assert declared("all") - imported == {"jupyterlab", "jsonschema", "cryptography"}


def without(names: set[str], code: str) -> subprocess.CompletedProcess[str]:
    """The code in a new process in which nobody can import these."""
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(names)!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", block + code], capture_output=True, text=True, check=False
    )


def packages_of_extras() -> set[str]:
    beyond = declared("all") - declared(None)
    return {
        name
        for name, distributions in packages_distributions().items()
        if {canonicalize_name(d) for d in distributions} & beyond
    }


def test_the_core_is_what_can_be_imported_without_the_extras() -> None:
    names = [
        ".".join(["iluvatar_bench", *module.with_suffix("").parts]).removesuffix(".__init__")
        for module in modules()
    ]
    code = f"""
import importlib, json
failed = []
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        failed.append(name)
print(json.dumps(failed))
"""
    blocked = packages_of_extras()
    assert {"matplotlib", "IPython", "papermill", "jinja2", "nbformat"} <= blocked
    failed = set(json.loads(without(blocked, code).stdout))
    expected = {name for name, path in zip(names, modules(), strict=True) if extra_of(path)}
    assert failed == expected - {"iluvatar_bench.batch"}  # an empty package around its modules


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["report", "guarded"], "report"),
        (["notebook", "00_start_here"], "notebooks"),
        (["demo", "--trials", "4"], "notebooks"),
        (["sweep", "grid.yaml"], "sweep"),
    ],
)
def test_a_command_names_the_extra_it_needs(arguments: list[str], extra: str) -> None:
    code = f"""
import iluvatar_bench.commands.app as app
app._require_working_host = lambda: None
sys.argv[1:] = {arguments!r}
app.main()
"""
    done = without(packages_of_extras(), code)
    told = f"{arguments[0]} needs the extra '{extra}': pip install 'iluvatar-bench[{extra}]'"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {told}\n")


def test_a_comparison_and_its_table_need_no_extra(tmp_path: Path) -> None:
    table = tmp_path / "compared.csv"
    code = f"""
import iluvatar_bench.commands.app as app
sys.argv[1:] = ["compare", "iluvatar-2022-07", "guarded", "--csv", {str(table)!r}]
app.main()
"""
    done = without(packages_of_extras(), code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bug_class" in table.read_text().partition("\n")[0]


def test_a_module_that_no_extra_has_is_a_fault() -> None:
    error = ModuleNotFoundError("No module named 'calendar'", name="calendar")
    assert extras.missing_extra("report", error) is None
    assert extras.missing_extra("report", ModuleNotFoundError("?")) is None


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"matplotlib", "IPython", "grpc", "pandas", "scipy", "numpy", "pydantic"}
    code = "import sys, iluvatar_bench; print([m for m in sys.modules if m in HEAVY])"
    # Nor does reading a run load what making one takes, or the table of failures' texts.
    code += "; from iluvatar_bench.runs import open_run"
    code += "; print({'grpc', 'scipy.stats', 'iluvatar_bench.bugs.classify'} & set(sys.modules))"
    # Nor does a command load what only a sweep takes.
    code += "; import iluvatar_bench.commands.app"
    code += "; print({'dask', 'distributed', 'fsspec', 'cryptography'} & set(sys.modules))"
    assert without(set(), code.replace("HEAVY", repr(heavy))).stdout == "[]\nset()\nset()\n"


@pytest.mark.parametrize("package", ["iluvatar_bench", "iluvatar_bench.report"])
def test_no_name_imported_when_first_used_is_a_module_of_its_package(package: str) -> None:
    """Or ``from package import name`` would give the module, once that was imported."""
    home = importlib.import_module(package)
    assert {found.name for found in pkgutil.iter_modules(home.__path__)} & set(
        home.__all__
    ) == set()


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", text, re.MULTILINE))


def test_the_lock_pins_what_the_project_declares() -> None:
    pinned = {canonicalize_name(name): version for name, version in locked().items()}
    listed = list(chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()))
    for requirement in map(Requirement, listed):
        name = canonicalize_name(requirement.name)
        if name != PROJECT["name"]:
            assert requirement.specifier.contains(pinned[name]), requirement
    # Installed without isolation, so that the lock decides about the builder as well.
    assert "hatchling" in pinned
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [x for x in lines if x and not re.match(r"\s*#|[a-zA-Z0-9._-]+==\S+$", x)] == []


def test_the_citation_is_of_this_release() -> None:
    """What version 1.2.0 of the format demands, and what it shares with the project."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["cff-version"] == "1.2.0"
    assert (cited["version"], cited["license"]) == (PROJECT["version"], PROJECT["license"])
    assert all(author.get("name") for author in cited["authors"])


def test_the_conda_environment_is_the_lock_and_this_package() -> None:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    entries = [line.strip() for line in lines if line.strip().startswith("- ")]
    assert entries == [
        "- conda-forge",
        "- python=3.11",
        "- pip",
        "- pip:",
        "- --requirement requirements.lock",
        "- --editable .",
    ]
    assert PROJECT["requires-python"] == ">=3.11"
