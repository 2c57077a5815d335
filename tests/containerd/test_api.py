"""The generated stubs are those of the definitions, and speak containerd's names."""

from pathlib import Path

from iluvatar_bench.containerd._api import tasks_pb2, tasks_pb2_grpc
from tools import generate_api as generate


def test_stubs_are_up_to_date(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    fresh = {p.name: p.read_text() for p in (tmp_path / generate.API).iterdir()}
    api = generate.PACKAGE_ROOT / generate.API
    kept = {p.name: p.read_text() for p in api.iterdir() if "_pb2" in p.name and p.is_file()}
    assert sorted(fresh) == sorted(kept)
    for name, text in fresh.items():
        assert kept[name] == text, f"{name}: run python -m tools.generate_api"


def test_service_names_on_the_wire_are_containerds() -> None:
    assert tasks_pb2.DESCRIPTOR.package == "containerd.services.tasks.v1"
    assert list(tasks_pb2.DESCRIPTOR.services_by_name) == ["Tasks"]
    assert tasks_pb2_grpc.TasksServicer.__name__ == "TasksServicer"
