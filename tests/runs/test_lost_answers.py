"""A lost answer stays unknown, whichever call it was, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from iluvatar_bench.containerd.client import Client, connect
from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci.image_import import ImportedImage, import_layout
from iluvatar_bench.errors import AnswerLost, Cancelled, ContainerdError, NotFound, Unavailable
from iluvatar_bench.functions import BuiltImage
from iluvatar_bench.host.first_error import FirstError, cleaned_up
from iluvatar_bench.lifecycle import KillLog
from iluvatar_bench.monitor import ImageLayers
from iluvatar_bench.plans import PlannedTrial
from iluvatar_bench.profiles import PRESETS
from iluvatar_bench.profiles.collector import QUIET_COLLECTOR
from iluvatar_bench.records import Outcome, Trial
from iluvatar_bench.runs.trial import Setting, run_trial
from tests.support.fake_containerd import FakeContainerd, Loss, fake_containerd

IMAGE = ImportedImage("i", "sha256:0", "sha256:chain", ("/bin/x",), {}, "/")

CALLS = {
    "Leases.Create": "submitted",
    "Snapshots.Prepare": "prepare",
    "Containers.Create": "create",
    "Leases.Delete": "create",
    "Tasks.Create": "task_create",
    "Tasks.Wait": None,
    "Tasks.Start": "start",
    "Snapshots.Stat": "alive",
    "Tasks.Kill": "delete",
    "Tasks.Delete": "delete",
    "Snapshots.Remove": "delete",
    "Containers.Delete": "delete",
}
"""Every call of a guarded container's life, and the step that its loss ends (None: any)."""


async def lived(fake: FakeContainerd, client: Client, folder: Path) -> Trial:
    node = Node("f", client, folder / "s", "/iluvatar-bench/fake", None, folder, QUIET_COLLECTOR)
    setting = Setting("test-lost", node, IMAGE, PRESETS["guarded"], KillLog())
    return await run_trial(setting, PlannedTrial(index=0, function="hello", hold_ms=0))


async def test_the_calls_of_a_guarded_life_are_these(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.runs_processes = True
        known = len(fake.calls)
        trial = await lived(fake, client, short_folder)
        assert trial.outcome is Outcome.OK, trial.error
        assert sorted(call for call, _, _ in fake.calls[known:]) == sorted(CALLS)


@pytest.mark.parametrize("loss", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_lost_answer_is_unknown_at_every_call(
    short_folder: Path, call: str, loss: Loss
) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.runs_processes = True
        fake.lost = {call: loss}
        if (call, loss) == ("Tasks.Wait", "before"):
            # Nobody waits for this answer: without it, a short life may be over before it is lost.
            fake.starting.clear()
        trial = await lived(fake, client, short_folder)
        fake.starting.set()
        assert fake.lost == {}, "the call was made"
        assert (trial.outcome, trial.bug_class) == (Outcome.UNKNOWN, None), trial.error
        assert (trial.error or "").startswith(f"{call} of ")
        if CALLS[call] is not None:
            assert trial.failed_step == CALLS[call]
        # A lease expires by itself.
        if call != "Leases.Delete":
            assert not fake.leases
        assert not (fake.tasks or fake.snapshots or fake.containers)
        assert not list(short_folder.glob("hello-*")), "the folder of its output"


@pytest.mark.parametrize("call", [name for name in CALLS if not name.startswith("Tasks.Wait")])
async def test_what_fails_after_a_lost_answer_does_not_hide_it(
    short_folder: Path, call: str
) -> None:
    """Everything that removes something is refused from then on."""
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.runs_processes = True
        fake.lost = {call: "before"}
        for removal in ("Leases.Delete", "Snapshots.Remove", "Containers.Delete", "Tasks.Delete"):
            if list(CALLS).index(removal) > list(CALLS).index(call):
                fake.answers[removal] = grpc.StatusCode.INTERNAL
        trial = await lived(fake, client, short_folder)
        assert (trial.outcome, trial.bug_class) == (Outcome.UNKNOWN, None), trial.error
        assert (trial.error or "").startswith(f"{call} of ")


@pytest.mark.parametrize(
    ("call", "removal"),
    [
        ("Leases.AddResource", "Leases.Delete"),
        ("Content.Write", "Content.Abort"),
        ("Snapshots.Prepare", "Snapshots.Remove"),
        ("Diff.Apply", "Snapshots.Remove"),
        ("Snapshots.Commit", "Snapshots.Remove"),
        ("Images.Create", "Leases.Delete"),
    ],
)
async def test_an_import_tells_of_the_answer_it_lost_and_not_of_what_it_cannot_remove(
    short_folder: Path, hello: BuiltImage, call: str, removal: str
) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.lost = {call: "before"}
        fake.answers[removal] = grpc.StatusCode.INTERNAL
        with pytest.raises(AnswerLost, match=f"^{call} of ") as caught:
            await import_layout(client, hello.layout, name=hello.name, snapshotters=["overlayfs"])
        assert removal in [asked for asked, _, _ in fake.calls]
        assert any(note.startswith(removal) for note in caught.value.__notes__)


async def test_a_look_into_an_image_tells_of_the_answer_it_lost(short_folder: Path) -> None:
    async with fake_containerd(short_folder / "s") as fake, connect(short_folder / "s") as client:
        fake.lost = {"Snapshots.View": "after"}
        with pytest.raises(AnswerLost, match=r"^Snapshots\.View of look-"):
            await ImageLayers().tree(client, snapshotter="native", chain_id="c", mounts=())
        assert not fake.snapshots
        assert not fake.leases


def failure(kind: type[ContainerdError], operation: str) -> ContainerdError:
    return kind(operation=operation, subject="x", namespace="n", detail="gone")


async def refused() -> None:
    raise failure(ContainerdError, "Undo")


async def gone() -> None:
    raise failure(NotFound, "Undo")


async def test_the_error_of_the_block_comes_out_and_that_of_the_undoing_is_its_note() -> None:
    with pytest.raises(Unavailable, match="First") as caught:
        async with cleaned_up(refused):
            raise failure(Unavailable, "First")
    assert caught.value.__notes__ == ["Undo of x in namespace 'n': gone"]


async def test_after_a_good_block_the_undoing_speaks_for_itself() -> None:
    with pytest.raises(ContainerdError, match="Undo"):
        async with cleaned_up(refused):
            pass
    async with cleaned_up(gone), cleaned_up(refused, only_after_failure=True):
        pass


async def test_some_errors_need_no_undoing() -> None:
    undone: list[str] = []

    async def undo() -> None:
        undone.append("undone")

    for kind in (Cancelled, Unavailable):
        with pytest.raises(AnswerLost):
            async with cleaned_up(undo, only_after_failure=True, unless=(Cancelled,)):
                raise failure(kind, "First")
    assert undone == ["undone"]


async def test_every_part_is_tried_and_the_first_error_is_raised() -> None:
    tried = FirstError()
    await tried.attempt(gone())
    tried.raise_first()
    await tried.attempt(refused())
    tried.errors.append(failure(Unavailable, "Later"))
    with pytest.raises(ContainerdError, match="Undo") as caught:
        tried.raise_first()
    assert caught.value.__notes__ == ["Later of x in namespace 'n': gone"]
