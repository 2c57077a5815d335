"""Generates the stubs in ``iluvatar_bench/containerd/_api/`` from its ``.proto`` files.

``python -m tools.generate_api`` writes them in place. It needs grpcio-tools,
which is a development dependency: users get the generated files.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
API = Path("iluvatar_bench/containerd/_api")


def generate(target: Path, *, source_root: Path = PACKAGE_ROOT) -> None:
    """Write the stubs of every ``.proto`` file under ``target``, which mirrors the source tree.

    Raises:
        RuntimeError: protoc refused a definition; its own message is on stderr.
    """
    from grpc_tools import protoc

    protos = sorted(
        str(path.relative_to(source_root)) for path in (source_root / API).glob("*.proto")
    )
    well_known_types = resources.files("grpc_tools") / "_proto"
    arguments = [
        "protoc",
        f"--proto_path={source_root}",
        f"--proto_path={well_known_types}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        *protos,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused the definitions in _api/")
    for stub in (target / API).glob("*_pb2_grpc.py"):
        # A definition without a service yields an empty service module.
        if "class " not in stub.read_text():
            stub.unlink()


if __name__ == "__main__":
    generate(PACKAGE_ROOT)
    sys.stderr.write(f"generated the stubs in {PACKAGE_ROOT / API}\n")
