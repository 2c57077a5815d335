"""Archives made to harm whoever reads them: refused in one line, before what harms is read."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from iluvatar_bench.containerd.channel import Channel
from iluvatar_bench.containerd.client import Client
from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.oci.archive_spool import unpack
from iluvatar_bench.containerd.oci.image_archive import convert_archive
from iluvatar_bench.containerd.oci.image_import import import_layout
from iluvatar_bench.containerd.oci.tar_stream import TarBounds
from iluvatar_bench.errors import ImageError, Unreachable
from iluvatar_bench.functions.images import list_images
from tests.support.archives import TWO_LAYERS, OciDraft, digest, docker_files, platform_of, write

BIG = 64 << 20


def refused(archive: Path, *, limits: TarBounds | None = None) -> str:
    """The error's text: one line, of a readable length; nothing may be left of the attempt."""
    target = archive.parent / "out"
    with pytest.raises(ImageError) as caught:
        if limits is None:
            convert_archive(archive, target)
        else:
            target.mkdir()
            unpack(archive, target, limits=limits)
    text = str(caught.value)
    assert str(archive) in text
    assert text.isprintable()
    assert len(text) < 600
    assert limits is not None or not target.exists()
    assert not list(archive.parent.glob(".unpacking-*"))
    return text


def header(name: str, kind: bytes, size: int) -> bytes:
    """A raw header block that says whatever it is told to."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(**records: str) -> bytes:
    """A pax header with its records."""
    content = b""
    for key, value in records.items():
        body = f" {key.replace('_', '.')}={value}\n".encode()
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        content += str(length).encode() + body
    return header("pax", tarfile.XHDTYPE, len(content)) + padded(content)


def padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 512)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    ],
)
@pytest.mark.parametrize("form", ["w", "w:gz"])
def test_a_header_of_64_mib_is_not_read(kind: bytes, form: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    content = header("x", kind, BIG) + b"1" * BIG + b"\0" * 1024
    archive.write_bytes(content)
    if form == "w:gz":
        archive.write_bytes(gzip.compress(content, 1))
    del content
    tracemalloc.start()
    try:
        text = refused(archive)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"it has {BIG} bytes in a long name or pax header" in text
    assert peak < 4 << 20


def gnu_sparse() -> bytes:
    """One member that says to have 8 EiB, all of them holes."""
    block = bytearray(header("hole", tarfile.GNUTYPE_SPARSE, 0))
    block[483:495] = b"\x80" + (1 << 62).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


SPARSE = {
    "gnu": gnu_sparse(),
    "pax 0.0": pax(GNU_sparse_size=str(1 << 62), GNU_sparse_numblocks="0"),
    "pax 0.1": pax(GNU_sparse_map="0,0", GNU_sparse_size=str(1 << 62)),
    "pax 1.0": pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_realsize=str(1 << 62)),
}


@pytest.mark.parametrize("form", SPARSE)
def test_a_sparse_member_is_refused(form: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    follows = b"" if form == "gnu" else header("hole", tarfile.REGTYPE, 0)
    archive.write_bytes(SPARSE[form] + follows + b"\0" * 1024)
    assert "'hole' is a sparse file" in refused(archive)


def test_files_beyond_the_limits_are_refused_by_what_their_headers_say(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(header("big", tarfile.REGTYPE, 1 << 40))
    assert f"it has {1 << 40} bytes in 'big'" in refused(archive)
    negative = bytearray(header("big", tarfile.REGTYPE, 0))
    negative[124:136] = b"\xff" * 12
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    archive.write_bytes(bytes(negative))
    assert "is negative" in refused(archive)
    sized = pax(size=str(1 << 40)) + header("big", tarfile.REGTYPE, 1)
    archive.write_bytes(sized)
    assert f"it has {1 << 40} bytes in 'big'" in refused(archive)


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_written(tmp_path: Path) -> None:
    """16 TiB: below no limit of the archive's, were they higher, and beyond any disk of ours."""
    archive = tmp_path / "a.tar"
    archive.write_bytes(header("big", tarfile.REGTYPE, 1 << 44))
    limits = TarBounds(file=1 << 50, total=1 << 50)
    assert "has room for" in refused(archive, limits=limits)


def test_total_count_and_trailer_have_limits(tmp_path: Path) -> None:
    three = write(tmp_path / "a.tar", dict.fromkeys("abc", b"1" * 600))
    for number, (limits, words) in enumerate(
        (
            (TarBounds(total=1500), "it has 1800 bytes in its files; 1500 are the most"),
            (TarBounds(members=2), "it has 3 members; 2 are the most"),
            (TarBounds(trailer=1000), "more than 1000 bytes follow its end"),
        )
    ):
        home = tmp_path / str(number)
        home.mkdir()
        copy = home / "a.tar"
        copy.write_bytes(three.read_bytes())
        assert words in refused(copy, limits=limits)


def test_a_long_chain_of_headers_is_followed_and_counted(tmp_path: Path) -> None:
    """Each says a little more of one member; the library would call itself for each."""
    archive = tmp_path / "a.tar"
    chain = pax(mtime="1") * 3000
    file = header("a", tarfile.REGTYPE, 1) + padded(b"x")
    archive.write_bytes(chain + file + b"\0" * 1024)
    assert "neither index.json (OCI) nor manifest.json" in refused(archive)
    copy = tmp_path / "two"
    copy.mkdir()
    (copy / "a.tar").write_bytes(archive.read_bytes())
    text = refused(copy / "a.tar", limits=TarBounds(headers=1 << 20))
    assert "bytes in long names and pax headers" in text
    archive.write_bytes(chain)
    assert "it ends after the header of a member" in refused(archive)


@pytest.mark.parametrize(
    "content", [b"x", b"99 path=a\n", b"1 a=\n", b"9 path=ab", b"10 path=abX" + b"6 a=\n"]
)
def test_damaged_pax_headers(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    block = header("pax", tarfile.XHDTYPE, len(content)) + padded(content)
    archive.write_bytes(block + header("a", tarfile.REGTYPE, 0) + b"\0" * 1024)
    assert "a pax header is damaged" in refused(archive)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\udc80b", "a\u202eb"])
def test_names_that_would_write_to_a_terminal(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w", errors="surrogateescape") as outer:
        outer.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert "cannot be printed" in refused(archive)


def test_archives_of_other_writers_are_read(tmp_path: Path) -> None:
    """Long names in both forms, times of fractions of a second, a name given twice."""
    long = "/".join(["d" * 90] * 4) + "/file"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        archive = tmp_path / f"{form}.tar"
        names = ["twice", "twice", "ä", *([long] if form != tarfile.USTAR_FORMAT else [])]
        with tarfile.open(archive, "w", format=form) as outer:
            for number, name in enumerate(names):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = 700, 1.5 if form == tarfile.PAX_FORMAT else 1
                outer.addfile(info, io.BytesIO(bytes([number]) * 700))
        folder = tmp_path / f"{form}"
        folder.mkdir()
        spool = unpack(archive, folder)
        assert set(spool.members) == set(names)
        assert spool.members["twice"].path.read_bytes() == b"\1" * 700


WRONG: list[Any] = [None, 7, 1.5, True, "text", [], {}, [1], ["x"], {"a": 1}, [[]], -1, 1 << 70]
"""Values of every shape that JSON has."""


def paths(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value of a document."""
    children: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        children = list(document.items())
    elif isinstance(document, list):
        children = list(enumerate(document))
    return [here, *(path for key, value in children for path in paths(value, (*here, key)))]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


def oci_files(level: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    """An image whose index, manifest or configuration is changed; the digests fit all the same."""

    def edited(name: str, document: Any) -> bytes:
        return json.dumps(change(document) if name == level else document).encode()

    draft = OciDraft()
    layers = [draft.blob(data, m.LAYER_TAR) for data in TWO_LAYERS]
    config = {
        **platform_of(),
        "config": {
            "Env": ["A=b"],
            "Cmd": ["/bin/x"],
            "Entrypoint": ["y"],
            "WorkingDir": "/",
            "Labels": {"a": "b"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in TWO_LAYERS]},
    }
    described = draft.blob(edited("config", config), m.OCI_CONFIG)
    manifest = {"schemaVersion": 2, "config": described, "layers": layers}
    entry = draft.blob(edited("manifest", manifest), m.OCI_MANIFEST, platform=platform_of())
    entry["annotations"] = {m.NAME_ANNOTATION: "a/b:1"}
    draft.files["index.json"] = edited("index", {"schemaVersion": 2, "manifests": [entry]})
    return draft.files


def mutations(level: str) -> Iterator[dict[str, bytes]]:
    """The image with each value of one of its documents replaced by each of the wrong ones."""
    seen: list[Any] = []
    oci_files(level, lambda document: seen.append(document) or document)
    for path in paths(seen[0]):
        for value in WRONG:
            yield oci_files(level, partial(changed, path=path, value=value))


@pytest.mark.parametrize("level", ["index", "manifest", "config"])
def test_any_value_of_any_shape_at_any_place(level: str, tmp_path: Path) -> None:
    """An image, or one line; never another kind of error."""
    refusals = 0
    for number, files in enumerate(mutations(level)):
        archive = write(tmp_path / f"{number}.tar", files)
        try:
            convert_archive(archive, tmp_path / f"{number}-layout")
        except ImageError as error:
            refusals += 1
            assert str(error).isprintable()
            assert len(str(error)) < 600
    assert refusals > 50


def test_indexes_that_list_each_other_many_times(tmp_path: Path) -> None:
    """Four levels of 100 entries each are a hundred million ways to one image."""
    draft = OciDraft()
    entry = draft.manifest()
    for _ in range(4):
        entry = draft.index(*[entry] * 100)
    archive = write(tmp_path / "a.tar", draft.top(entry).files)
    assert "its indexes list more than 10000 manifests" in refused(archive)


@pytest.mark.parametrize("field", ["Config", "Layers", "RepoTags"])
def test_any_value_in_what_docker_save_writes(field: str, tmp_path: Path) -> None:
    for number, value in enumerate(WRONG):
        files = docker_files()
        entry = json.loads(files["manifest.json"])[0]
        files["manifest.json"] = json.dumps([{**entry, field: value}]).encode()
        archive = write(tmp_path / f"{number}.tar", files)
        try:
            convert_archive(archive, tmp_path / f"{number}-layout")
        except ImageError as error:
            assert str(error).isprintable()
        else:
            assert field == "RepoTags"
            assert value in (None, [], ["x"])


async def test_any_value_in_a_layout_on_disk(tmp_path: Path, short_folder: Path) -> None:
    """A layout that another program wrote, or damaged, is read by the import and by the list."""
    imported = 0
    async with Channel(short_folder / "nobody", namespace="n") as channel:
        for level in ("index", "manifest", "config"):
            for number, files in enumerate(mutations(level)):
                for name, content in files.items():
                    place = tmp_path / level / str(number) / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
                imported += await gets_to_the_daemon(channel, tmp_path / level / str(number))
            list_images(tmp_path / level)
    assert imported > 50


async def gets_to_the_daemon(channel: Channel, folder: Path) -> bool:
    """Whether the layout is taken; there is no daemon, and asking for a lease comes first."""
    try:
        await import_layout(Client(channel), folder, name="x", snapshotters=["overlayfs"])
    except ImageError as error:
        assert str(error).isprintable()
    except Unreachable:
        return True
    return False
