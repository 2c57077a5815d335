"""Image archives: every form that is about, and every way to be damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import re
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from iluvatar_bench.containerd.daemon.private import Node
from iluvatar_bench.containerd.oci import image_archive
from iluvatar_bench.containerd.oci import media_types as m
from iluvatar_bench.containerd.oci.documents import PlatformDocument
from iluvatar_bench.containerd.oci.image_archive import (
    ArchivedImage,
    convert_archive,
    import_archive,
)
from iluvatar_bench.containerd.oci.image_import import blob_path
from iluvatar_bench.containerd.oci.platforms import host_platform, stated_platform
from iluvatar_bench.containerd.oci.pull import export
from iluvatar_bench.containerd.services.content import DOCUMENT_BYTES
from iluvatar_bench.containerd.values import Platform
from iluvatar_bench.errors import ImageError, NoSuchFile, NotFound
from tests.support.archives import (
    FOREIGN,
    TWO_LAYERS,
    OciDraft,
    configuration,
    digest,
    docker_files,
    layer,
    platform_of,
    write,
)

Files = dict[str, bytes]


def tiny(**more: object) -> OciDraft:
    draft = OciDraft()
    return draft.top(draft.manifest(**more))


def converted(archive: Path, **more: str) -> ArchivedImage:
    """Convert beside the archive, and see that the result is whole."""
    layout = archive.with_name(f"{archive.name}-layout")
    image = convert_archive(archive, layout, **more)
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == image.digest
    manifest = json.loads(blob_path(layout, entry["digest"]).read_bytes())
    for part in (entry, manifest["config"], *manifest["layers"]):
        content = blob_path(layout, part["digest"]).read_bytes()
        assert (digest(content), len(content)) == (part["digest"], part["size"])
    assert not list(layout.parent.glob(".unpacking-*"))
    return image


def refused(archive: Path, **more: str) -> str:
    """The error's text; nothing may be left of the attempt."""
    layout = archive.with_name("refused-layout")
    with pytest.raises(ImageError) as caught:
        convert_archive(archive, layout, **more)
    text = str(caught.value)
    assert str(archive) in text
    assert "\n" not in text
    assert not layout.exists()
    assert not list(layout.parent.glob(".unpacking-*"))
    return text


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("docker_types", [False, True])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_oci_archives(how: str, docker_types: bool, mode: str, tmp_path: Path) -> None:
    if how == "zstd" and shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    files = tiny(how=how, docker_types=docker_types).files
    image = converted(write(tmp_path / "tiny.tar", files, mode=mode))
    assert image.layer_count == 2
    assert image.name == f"imported/tiny:{image.digest[7:19]}"


@pytest.mark.parametrize("how", ["plain", "gzip"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_docker_archives(how: str, mode: str, tmp_path: Path) -> None:
    image = converted(write(tmp_path / "a.tar", docker_files(how=how), mode=mode))
    assert (image.name, image.layer_count) == ("tiny:1", 2)
    manifest = json.loads(
        blob_path(tmp_path / "a.tar-layout", image.digest).read_bytes(),
    )
    expected = m.LAYER_TAR if how == "plain" else m.LAYER_GZIP
    assert [entry["mediaType"] for entry in manifest["layers"]] == [expected] * 2


def test_a_docker_archive_whose_layers_are_links_to_each_other(tmp_path: Path) -> None:
    """Docker wrote a symbolic link for a layer that an image has twice."""
    data = TWO_LAYERS[0]
    files = docker_files((data, data))
    entry = json.loads(files["manifest.json"])[0]
    first, second = entry["Layers"]
    del files[second]
    archive = write(tmp_path / "linked.tar", files)
    with tarfile.open(archive, "a") as outer:
        link = tarfile.TarInfo(second)
        link.type, link.linkname = tarfile.SYMTYPE, f"../{first}"
        outer.addfile(link)
    assert converted(archive).layer_count == 2


def test_an_archive_in_both_forms_is_read_by_its_index(tmp_path: Path) -> None:
    """Docker writes both since version 25, and containerd too."""
    draft = OciDraft()
    names = {m.NAME_ANNOTATION: "docker.io/library/tiny:2", m.REFERENCE_ANNOTATION: "2"}
    draft.top(draft.manifest(annotations=names))
    image = converted(write(tmp_path / "a.tar", {**draft.files, "manifest.json": b"[]"}))
    assert image.name == "docker.io/library/tiny:2"


def test_the_right_platform_is_chosen_out_of_an_index(tmp_path: Path) -> None:
    draft = OciDraft()
    ours = draft.manifest((layer("ours", b"!"),), platform=platform_of())
    second = draft.manifest((layer("second", b"!"),), platform=platform_of())
    other = draft.manifest(architecture=FOREIGN, platform=platform_of(FOREIGN))
    claim = draft.manifest(
        config=b"{}", platform={"os": "unknown", "architecture": "unknown"}, annotations={"a": "b"}
    )
    draft.top(draft.index(other, claim, ours, second))
    assert converted(write(tmp_path / "nested.tar", draft.files)).digest == ours["digest"]
    draft.top(other, ours, claim)
    assert converted(write(tmp_path / "flat.tar", draft.files)).digest == ours["digest"]


def test_parts_of_other_platforms_may_be_missing(tmp_path: Path) -> None:
    """``ctr images export`` keeps the whole index, but the blobs of one platform."""
    draft = OciDraft()
    ours = draft.manifest(platform=platform_of())
    foreign = {"mediaType": m.OCI_MANIFEST, "digest": "sha256:" + "0" * 64, "size": 9}
    draft.top(draft.index({**foreign, "platform": platform_of(FOREIGN)}, ours))
    assert converted(write(tmp_path / "a.tar", draft.files)).digest == ours["digest"]


def test_an_index_without_platforms_is_decided_by_the_configurations(tmp_path: Path) -> None:
    draft = OciDraft()
    ours = draft.manifest()
    draft.top(draft.index(draft.manifest(architecture=FOREIGN), ours))
    assert converted(write(tmp_path / "a.tar", draft.files)).digest == ours["digest"]


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    draft = OciDraft()
    entries = [draft.manifest(architecture=a, platform=platform_of(a)) for a in (FOREIGN, "mips")]
    draft.top(draft.index(*entries))
    text = refused(write(tmp_path / "a.tar", draft.files))
    assert f"holds images for linux/mips, linux/{FOREIGN}, none for this host" in text
    foreign = docker_files(config=configuration(architecture=FOREIGN))
    assert f"is for linux/{FOREIGN}; this host" in refused(write(tmp_path / "b.tar", foreign))
    lying = OciDraft()
    lying.top(lying.manifest(architecture=FOREIGN, platform=platform_of()))
    assert f"is for linux/{FOREIGN}; this host" in refused(write(tmp_path / "c.tar", lying.files))


def test_platforms() -> None:
    assert host_platform().os == "linux"
    stated = PlatformDocument(os="linux", architecture="arm64", variant="v8")
    assert stated_platform(stated) == Platform("linux", "arm64")
    assert str(Platform("linux", "arm", "v6")) == "linux/arm/v6"


def test_of_several_images_one_is_named(tmp_path: Path) -> None:
    draft = OciDraft()
    names = [{m.REFERENCE_ANNOTATION: f"team/{name}:1"} for name in "ab"]
    both = [
        draft.manifest((layer(str(i), b"x"),), annotations=name) for i, name in enumerate(names)
    ]
    archive = write(tmp_path / "a.tar", draft.top(*both).files)
    assert "holds 2 images; name one of: team/a:1, team/b:1" in refused(archive)
    assert "holds no image 'c'; there are: team/a:1, team/b:1" in refused(archive, name="c")
    chosen = converted(archive, name="team/b:1")
    assert (chosen.name, chosen.digest) == ("team/b:1", both[1]["digest"])


def test_of_several_docker_images_one_is_named(tmp_path: Path) -> None:
    first, second = docker_files(tags=("a:1", "a:2")), docker_files(TWO_LAYERS[:1], tags=("b:1",))
    entries = [*json.loads(first["manifest.json"]), *json.loads(second["manifest.json"])]
    files = {**first, **second, "manifest.json": json.dumps(entries).encode()}
    archive = write(tmp_path / "a.tar", files)
    assert "holds 3 images; name one of: a:1, a:2, b:1" in refused(archive)
    assert converted(archive, name="b:1").layer_count == 1
    only = write(tmp_path / "b.tar", first)
    assert converted(only).name == "a:1"


def _name_of(files: Files, kind: str) -> str:
    """The blob of a kind in a tiny archive of gzip layers."""
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest_name = f"blobs/{entry['digest'].replace(':', '/')}"
    manifest = json.loads(files[manifest_name])
    parts = {
        "config": manifest["config"]["digest"],
        "layer": manifest["layers"][1]["digest"],
        "manifest": entry["digest"],
    }
    return f"blobs/{parts[kind].replace(':', '/')}"


@pytest.mark.parametrize("kind", ["manifest", "config", "layer"])
@pytest.mark.parametrize("damage", ["changed", "cut", "longer", "missing"])
def test_a_damaged_blob_is_named(kind: str, damage: str, tmp_path: Path) -> None:
    files = tiny(how="gzip").files
    name = _name_of(files, kind)
    data = files[name]
    changed = {
        "changed": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[: len(data) // 2],
        "longer": data + b"\0",
    }
    if damage == "missing":
        del files[name]
    else:
        files[name] = changed[damage]
    text = refused(write(tmp_path / "a.tar", files))
    assert name.removeprefix("blobs/sha256/") in text
    words = {"changed": "is damaged", "cut": "instead of", "longer": "instead of"}
    assert words.get(damage, "lacks the") in text


@pytest.mark.parametrize("how", ["plain", "gzip"])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_docker_layer_is_named(how: str, damage: str, tmp_path: Path) -> None:
    files = docker_files(how=how)
    name = json.loads(files["manifest.json"])[0]["Layers"][1]
    data = files[name]
    if damage == "missing":
        del files[name]
    else:
        files[name] = data[:-9] if damage == "cut" else data[:600] + b"?" + data[601:]
        if how == "gzip" and damage == "changed":
            files[name] = gzip.compress(b"another layer")
    text = refused(write(tmp_path / "a.tar", files))
    assert name in text
    assert damage == "missing" or digest(TWO_LAYERS[1]) in text


def test_a_damaged_docker_configuration(tmp_path: Path) -> None:
    files = docker_files()
    name = next(name for name in files if name.endswith(".json") and name != "manifest.json")
    files[name] = files[name].replace(b"A=b", b"A=c")
    assert f"configuration sha256:{name[:-5]} is damaged" in refused(
        write(tmp_path / "a.tar", files)
    )


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.parametrize("files", [tiny().files, docker_files()], ids=["oci", "docker"])
def test_an_archive_cut_off_anywhere_is_refused(files: Files, mode: str, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.tar", files, mode=mode).read_bytes()
    with tarfile.open(tmp_path / "whole.tar") as outer:
        last = outer.getmembers()[-1]
        end = last.offset_data + last.size
    # Of an archive that is not compressed the zeros at the end carry nothing.
    limit = end if mode == "w" else len(whole)
    cut = tmp_path / "cut.tar"
    for length in (*random.Random(1).sample(range(limit), 40), 0, 1, 511, 512, 513, limit - 1):
        if length >= limit:
            continue
        cut.write_bytes(whole[:length])
        refused(cut)


def test_an_archive_with_changed_bytes_never_gives_another_image(tmp_path: Path) -> None:
    """Whatever byte is changed: refused in one line, or the same image as before."""
    archive = write(tmp_path / "a.tar", tiny(how="gzip").files)
    expected = converted(archive)
    whole = archive.read_bytes()
    draw = random.Random(2)
    broken = tmp_path / "broken.tar"
    for _ in range(150):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        broken.write_bytes(data)
        layout = tmp_path / "broken-layout"
        try:
            found = convert_archive(broken, layout)
        except ImageError as error:
            assert "\n" not in str(error)
            assert not layout.exists()
        else:
            assert found.digest == expected.digest
            shutil.rmtree(layout)


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "member",
    [
        _member("../evil"),
        _member("/etc/evil"),
        _member("blobs/../../evil"),
        _member("a/link", tarfile.SYMTYPE, "../../evil"),
        _member("a/link", tarfile.SYMTYPE, "/etc/passwd"),
        _member("a/link", tarfile.LNKTYPE, "../evil"),
        _member("a/device", tarfile.CHRTYPE),
        _member("a/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.linkname}",
)
def test_names_that_lead_out_of_the_archive(member: tarfile.TarInfo, tmp_path: Path) -> None:
    home = tmp_path / "deep" / "er"
    home.mkdir(parents=True)
    archive = write(home / "a.tar", tiny().files)
    with tarfile.open(archive, "a") as outer:
        outer.addfile(member, io.BytesIO())
    text = refused(archive)
    assert repr(member.name) in text
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "er", "a.tar"}


def test_links_in_a_circle(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as outer:
        outer.addfile(_member("index.json", tarfile.SYMTYPE, "b"))
        outer.addfile(_member("b", tarfile.SYMTYPE, "index.json"))
    assert "in a circle" in refused(archive)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no image archive"),
        (b"hello, I am no archive\n" * 100, "is no image archive"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "zstd -d"),
        (gzip.compress(b"no tar", mtime=0), "is no image archive"),
        (b"\x1f\x8b" + b"x" * 600, "is no image archive"),
    ],
)
def test_files_that_are_no_archive(content: bytes, words: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(content)
    assert words in refused(archive)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"cannot read .*absent\.tar: No such file"):
        convert_archive(tmp_path / "absent.tar", tmp_path / "layout")
    with pytest.raises(ImageError, match="is no image archive: it is a folder"):
        convert_archive(tmp_path, tmp_path / "layout")


def _set(name: str, data: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: data})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("index.json", b"{"), "is no JSON"),
        (_set("index.json", b"[]"), "is not of the right form, at its top"),
        (_set("index.json", b'{"manifests":[1]}'), "is not of the right form, at manifests.0"),
        (_set("index.json", b'{"manifests":[]}'), "for no platform at all"),
        (_set("index.json", b'{"manifests":[{"mediaType":"x/y"}]}'), "for no platform at all"),
        (_set("index.json", b'{"manifests":' + b"[" * 100_000), "is no JSON"),
        (_set("index.json", b" " * (DOCUMENT_BYTES + 1)), "too many for a document"),
        (lambda files: files.pop("index.json"), "neither index.json (OCI) nor manifest.json"),
    ],
)
def test_an_index_that_is_none(change: Callable[[Files], None], words: str, tmp_path: Path) -> None:
    files = tiny().files
    change(files)
    assert words in refused(write(tmp_path / "a.tar", files))


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '[{"Config": 1, "Layers": []}]', '[{"Config": "c", "Layers": [2]}]']
)
def test_a_docker_manifest_that_is_none(text: str, tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar", {"manifest.json": text.encode()})
    assert "not of the form docker save writes" in refused(archive)


def test_documents_that_contradict_each_other(tmp_path: Path) -> None:
    short = tiny(config=configuration(TWO_LAYERS[:1])).files
    assert "2 layers but 1 diff IDs" in refused(write(tmp_path / "a.tar", short))
    docker = docker_files(config=configuration(TWO_LAYERS[:1]))
    assert "2 layers but 1 diff IDs" in refused(write(tmp_path / "b.tar", docker))
    draft = OciDraft()
    helm = draft.blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
    document = json.dumps({"config": helm, "layers": []}).encode()
    draft.top(draft.blob(document, m.OCI_MANIFEST, platform=platform_of()))
    assert "is no container image" in refused(write(tmp_path / "c.tar", draft.files))
    odd = {"mediaType": m.OCI_MANIFEST, "digest": "md5:0", "size": 1, "platform": platform_of()}
    text = refused(write(tmp_path / "d.tar", OciDraft().top(odd).files))
    assert "'md5:0' of a manifest is no sha256 digest" in text
    nested = OciDraft()
    entry = nested.manifest()
    for _ in range(6):
        entry = nested.index(entry)
    assert "deep" in refused(write(tmp_path / "e.tar", nested.top(entry).files))


def test_no_layer_is_held_in_memory(tmp_path: Path) -> None:
    """128 MiB of layer pass through with a few MiB of memory."""
    size = 128 << 20
    content = tmp_path / "content"
    with content.open("wb") as file:
        file.truncate(size)
    value = hashlib.sha256()
    with content.open("rb") as file:
        while chunk := file.read(1 << 20):
            value.update(chunk)
    name = value.hexdigest()
    draft = OciDraft()
    document = json.loads(configuration(()))
    document["rootfs"]["diff_ids"] = [f"sha256:{name}"]
    config = draft.blob(json.dumps(document).encode(), m.OCI_CONFIG)
    big = {"mediaType": m.LAYER_TAR, "digest": f"sha256:{name}", "size": size}
    manifest = json.dumps({"config": config, "layers": [big]}).encode()
    draft.top(draft.blob(manifest, m.OCI_MANIFEST))
    archive = write(tmp_path / "a.tar", draft.files)
    with tarfile.open(archive, "a") as outer:
        outer.add(content, f"blobs/sha256/{name}")
    tracemalloc.start()
    try:
        convert_archive(archive, tmp_path / "layout")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


async def is_empty(node: Node) -> bool:
    """Whether a collection leaves nothing in the daemon."""
    await node.client.leases.force_collection()
    snapshots = await node.client.snapshots("overlayfs").list()
    digests = await node.client.content.digests()
    images = await node.client.images.list()
    leases = await node.client.leases.list()
    return not (*snapshots, *digests, *images, *leases)


@pytest.mark.daemon
@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
async def test_each_compression_is_unpacked_by_the_daemon(
    how: str, quiet_node: Node, tmp_path: Path
) -> None:
    if how == "zstd" and shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    client = quiet_node.client
    for docker_types in (False, True):
        archive = write(tmp_path / "a.tar", tiny(how=how, docker_types=docker_types).files)
        try:
            image = await import_archive(client, archive, snapshotters=["overlayfs"])
        except ImageError as error:
            # Containerd 1.6 knows zstd by OCI's media type only.
            assert (how, docker_types) == ("zstd", True)
            assert re.search(r"containerd cannot unpack layer sha256:\w+ \(.*zstd\): ", str(error))
            assert await is_empty(quiet_node)
            continue
        await client.leases.force_collection()
        assert (image.args, image.env, image.cwd) == (("/bin/x",), {"A": "b"}, "/")
        assert await client.snapshots("overlayfs").exists(image.chain_id)
        assert image.digest in await client.content.digests()
        await client.images.delete(image.name, sync=True)
        assert await is_empty(quiet_node)


@pytest.mark.daemon
async def test_a_docker_archive_and_one_that_containerd_exported(
    quiet_node: Node, tmp_path: Path
) -> None:
    client = quiet_node.client
    saved = write(tmp_path / "saved.tar", docker_files(how="gzip", tags=("docker.io/a/b:1",)))
    image = await import_archive(client, saved, snapshotters=["overlayfs"])
    exported = tmp_path / "exported.tar"
    await export(quiet_node.address, image.name, exported, namespace=client.namespace)
    await client.images.delete(image.name, sync=True)
    assert await is_empty(quiet_node)
    again = await import_archive(client, exported, snapshotters=["overlayfs", "native"])
    assert again == image


@pytest.mark.daemon
@pytest.mark.parametrize("damage", ["no gzip inside", "cut before it was hashed", "other content"])
async def test_a_layer_that_only_unpacking_shows_to_be_bad(
    damage: str, quiet_node: Node, tmp_path: Path
) -> None:
    """Its digest is right; what stays of the attempt goes with a collection."""
    draft = OciDraft()
    good, bad = TWO_LAYERS
    content = {
        "no gzip inside": b"\x1f\x8b" + b"?" * 100,
        "cut before it was hashed": gzip.compress(random.Random(1).randbytes(90_000))[:60_000],
        "other content": gzip.compress(layer("etc/three", b"3")),
    }[damage]
    config = draft.blob(configuration((good, bad)), m.OCI_CONFIG)
    layers = [draft.blob(gzip.compress(good), m.LAYER_GZIP), draft.blob(content, m.LAYER_GZIP)]
    manifest = json.dumps({"config": config, "layers": layers}).encode()
    archive = write(tmp_path / "a.tar", draft.top(draft.blob(manifest, m.OCI_MANIFEST)).files)
    with pytest.raises(ImageError, match=digest(content)):
        await import_archive(quiet_node.client, archive, snapshotters=["overlayfs"])
    with pytest.raises(NotFound):
        await quiet_node.client.images.get("imported/a:x")
    assert await is_empty(quiet_node)


@pytest.mark.daemon
async def test_a_refused_archive_does_not_reach_the_daemon(
    quiet_node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(image_archive, "SPOOL_HOME", spool)
    archive = write(tmp_path / "a.tar", tiny().files)
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(ImageError):
        await import_archive(quiet_node.client, archive, snapshotters=["overlayfs"])
    assert await quiet_node.client.content.digests() == ()
    assert list(spool.iterdir()) == []
