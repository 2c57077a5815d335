"""What people install: wheel and sdist in fresh environments, used from a folder of their own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SEED = ROOT / "data" / "seed"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A virtual environment, and where its user stands."""

    python: Path
    user: Path

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = self.python.with_name("iluvatar-bench")
        return run(str(program), *arguments, cwd=self.user, check=False)

    def files(self) -> set[Path]:
        """What the package consists of on disk, byte code aside."""
        code = "import iluvatar_bench; print(iluvatar_bench.__path__[0])"
        home = Path(run(str(self.python), "-c", code, cwd=self.user).stdout.strip())
        assert self.python.parents[1] in home.parents, "installed, and not the source tree"
        return {path for path in home.rglob("*") if "__pycache__" not in path.parts}


def run(*command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    foreign = ("PYTHONPATH", "PYTEST", "COV_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def installed(folder: Path, what: str) -> Installed:
    venv.create(folder / "venv", with_pip=True)
    python, user = folder / "venv" / "bin" / "python", folder / "user"
    user.mkdir()
    pip = [str(python), "-m", "pip", "--quiet", "install", "--no-compile"]
    run(*pip, "--constraint", str(ROOT / "requirements.lock"), what, cwd=user)
    return Installed(python, user)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from what is in the sdist."""
    out = tmp_path_factory.mktemp("dist")
    builder = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    run(*builder, str(ROOT), cwd=out)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module")
def core(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(tmp_path_factory.mktemp("core"), str(built["sdist"]))


@pytest.fixture(scope="module")
def everything(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(tmp_path_factory.mktemp("all"), f"{built['wheel']}[all]")


def test_the_core_has_neither_jupyter_nor_matplotlib(core: Installed) -> None:
    listed = run(str(core.python), "-m", "pip", "list", "--format=freeze", cwd=core.user).stdout
    names = {line.partition("==")[0].lower() for line in listed.splitlines()}
    heavy = {"matplotlib", "ipython", "ipykernel", "jupyterlab", "papermill", "jinja2"}
    assert names & (heavy | {"statsmodels", "lifelines", "pytest"}) == set()
    assert len(names) < 40


def test_help_answers_at_once_in_the_core(core: Installed) -> None:
    """In processor time: it is what an idle host takes, whatever else this one does."""
    seconds = []
    for _ in range(5):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert core.call("audit", "--help").returncode == 0
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
    assert min(seconds) < 0.6


def test_the_core_classifies_and_explains(core: Installed) -> None:
    classified = core.call("classify", str(SEED))
    assert classified.returncode == 0, classified.stderr
    assert "process_died" in classified.stdout
    explained = core.call("explain", "iluvatar-2022-07", "3")
    assert explained.returncode == 0, explained.stderr
    assert "Trial 3 of iluvatar-2022-07" in explained.stdout
    assert core.call("compare", "iluvatar-2022-07", "guarded").returncode == 0


def test_the_core_names_the_extra_that_a_command_needs(core: Installed) -> None:
    for arguments, extra in (
        (("report", "iluvatar-2022-07", "guarded"), "report"),
        (("notebook", "00_start_here"), "notebooks"),
    ):
        done = core.call(*arguments)
        told = f"{arguments[0]} needs the extra '{extra}': pip install 'iluvatar-bench[{extra}]'"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {told}\n")


@pytest.mark.daemon
def test_the_core_runs_containers(core: Installed) -> None:
    before = core.files()
    done = core.call("run", "cold-start", "--trials", "2", "--concurrency", "2")
    assert done.returncode == 0, done.stderr
    assert "2 trials:" in done.stdout
    assert len(list((core.user / "results").glob("*/trials.parquet"))) == 1
    assert core.files() == before


def test_with_everything_notebooks_and_reports_are_made_where_the_user_stands(
    everything: Installed,
) -> None:
    before = everything.files()
    for arguments in (
        ("notebook", "00_start_here"),
        ("report", "iluvatar-2022-07", "guarded"),
        ("explain", "iluvatar-2022-07", "3"),
    ):
        done = everything.call(*arguments)
        assert done.returncode == 0, done.stderr
    assert len(list(everything.user.glob("results/*/00_start_here.html"))) == 1
    assert "<html" in (everything.user / "report.html").read_text()
    assert everything.files() == before


def test_both_have_what_is_no_python(core: Installed, everything: Installed) -> None:
    kept = [{path.name for path in place.files()} for place in (core, everything)]
    assert kept[0] == kept[1]
    assert {"py.typed", "tasks.proto", "report.html.j2", "00_start_here.ipynb", "seed"} <= kept[0]
    shipped = (path for home in ("data", "notebooks") for path in (ROOT / home).rglob("*"))
    tracked = {path.name for path in shipped if ".ipynb_checkpoints" not in path.parts}
    assert tracked <= kept[0]


def test_a_run_cannot_be_recorded_into_a_wheel(core: Installed) -> None:
    done = core.call("record", "guarded", "mine")
    assert done.returncode == 2
    assert "source checkout" in done.stderr
