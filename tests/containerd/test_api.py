"""The generated stubs are those of the definitions, and speak containerd's names."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto

from iluvatar_bench.containerd._api import tasks_pb2, tasks_pb2_grpc
from tests.support.embedded_descriptors import embedded_messages
from tests.support.other_containerds import FOLDERS, folder_name, program
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


def own_messages() -> Iterator[tuple[str, DescriptorProto]]:
    for path in sorted((generate.PACKAGE_ROOT / generate.API).glob("*_pb2.py")):
        module = importlib.import_module(f"iluvatar_bench.containerd._api.{path.stem}")
        file: FileDescriptor = module.DESCRIPTOR
        for message in file.message_types_by_name.values():
            described = DescriptorProto()
            message.CopyToProto(described)
            yield message.full_name, described


SINCE_2_0 = {
    "containerd.services.images.v1.DeleteImageRequest.target",
    "containerd.types.transfer.RegistryResolver.default_scheme",
}
"""Fields that 1.7 passes over."""


@pytest.mark.parametrize("folder", FOLDERS, ids=folder_name)
def test_every_field_is_the_one_that_containerds_own_program_has(folder: str) -> None:
    """The oracle is the program: it carries the definitions that it was built from."""
    found = program(folder)
    theirs = embedded_messages(found) if found else {}
    if not theirs:
        pytest.skip(
            f"{found or 'containerd'} carries no definitions that can be read (1.6 does not); "
            "tests/fetch_containerds fetches those that do"
        )
    compared = set()
    for name, message in own_messages():
        if name not in theirs:
            continue
        compared.add(name)
        known = {field.name: field for field in theirs[name].field}
        for field in message.field:
            path = f"{name}.{field.name}"
            if field.name not in known:
                assert path in SINCE_2_0
                continue
            their = known[field.name]
            assert (path, field.number, field.type, field.label) == (
                *(path, their.number, their.type, their.label),
            )
    assert {
        "containerd.services.tasks.v1.CreateTaskRequest",
        "containerd.services.transfer.v1.TransferRequest",
        "containerd.types.Platform",
        "containerd.types.transfer.ImageStore",
        "containerd.types.transfer.OCIRegistry",
        "containerd.types.transfer.RegistryResolver",
        "containerd.types.transfer.UnpackConfiguration",
    } <= compared
