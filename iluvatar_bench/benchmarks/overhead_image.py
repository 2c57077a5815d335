"""The smallest image that all clients of the measurement can run: ``/bin/true`` and its libraries.

It is made from the host's own programs. containerd-stress runs the bare name ``true``, so that
there is a PATH, and its newest versions look up a user ``games``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from iluvatar_bench.errors import MissingProgram
from iluvatar_bench.functions.interpreter import shared_libraries
from iluvatar_bench.functions.layers import LayerEntry, folder, write_layer
from iluvatar_bench.functions.layout_documents import write_documents

PROGRAM = "/bin/true"

_PEOPLE = b"root:x:0:0:root:/root:/bin/false\ngames:x:5:60:games:/root:/bin/false\n"


def write_true_image(layout: Path, *, name: str) -> None:
    """Write the image as an OCI layout into the empty folder ``layout``.

    Raises:
        MissingProgram: this host has no ``true``.
        ImageError: a library of it is not there.
    """
    program = shutil.which("true")
    if program is None:
        raise MissingProgram(
            "true is not installed; on Debian or Ubuntu: apt-get install coreutils"
        )
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    source = Path(program)
    layer = write_layer(
        blobs,
        [
            LayerEntry(PROGRAM, source=source, mode=0o755),
            *(
                LayerEntry(str(path), source=path, mode=0o755)
                for path in shared_libraries([source])
            ),
            LayerEntry("/etc/passwd", content=_PEOPLE),
            LayerEntry("/etc/group", content=b"root:x:0:\ngames:x:60:\n"),
            *(folder(path) for path in ("/proc", "/sys", "/dev", "/tmp", "/root", "/run")),
        ],
    )
    process = {"Env": ["PATH=/usr/bin:/bin"], "Cmd": [PROGRAM], "WorkingDir": "/"}
    write_documents(layout, layers=[layer], process=process, name=name)
