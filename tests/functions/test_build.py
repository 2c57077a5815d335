"""A function's image: from the host's interpreter, in layers, without byte code, by content."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from iluvatar_bench.containerd.oci.image_import import blob_path
from iluvatar_bench.errors import ImageError, UsageError
from iluvatar_bench.functions import (
    BuildOptions,
    BuiltImage,
    build_image,
    builtin_names,
    load_function,
)
from iluvatar_bench.functions.catalog import Function
from iluvatar_bench.functions.layers import LayerEntry, folder, write_layer


def layers_of(image: BuiltImage) -> list[dict[str, object]]:
    manifest = json.loads(blob_path(image.layout, image.digest).read_bytes())
    return manifest["layers"]


def test_hello_has_at_least_six_layers_and_no_byte_code(hello: BuiltImage) -> None:
    assert hello.layer_count >= 6
    names: list[str] = []
    for layer in layers_of(hello):
        with tarfile.open(blob_path(hello.layout, layer["digest"])) as archive:
            members = archive.getmembers()
        assert all((m.uid, m.gid, m.mtime) == (0, 0, 0) for m in members)
        names += [m.name for m in members]
    assert not [name for name in names if name.endswith(".pyc") or "__pycache__" in name]
    for wanted in ("app/server.py", "app/main.py", "etc/passwd"):
        assert wanted in names
    assert any(name.endswith("/csv.py") for name in names)
    assert any("site-packages/flask/" in name for name in names)


def test_an_image_is_found_again_by_its_content(hello: BuiltImage) -> None:
    again = build_image(load_function("hello"))
    assert again.from_cache
    assert (again.digest, again.layout) == (hello.digest, hello.layout)


def test_the_same_content_gives_the_same_digest_and_other_content_another(
    hello: BuiltImage, tmp_path: Path
) -> None:
    fresh = build_image(load_function("hello"), home=tmp_path / "cache")
    assert not fresh.from_cache
    assert fresh.digest == hello.digest
    changed = tmp_path / "hello"
    changed.mkdir()
    (changed / "main.py").write_text("def main(args):\n    return {'other': 1}\n")
    other = build_image(load_function(str(changed)), home=tmp_path / "cache")
    assert other.digest != hello.digest
    shared = {layer["digest"] for layer in layers_of(hello)}
    assert len(shared & {layer["digest"] for layer in layers_of(other)}) == hello.layer_count - 1
    assert not list((tmp_path / "cache").glob(".building-*"))


def test_requirements_that_do_not_install_show_pips_own_words(tmp_path: Path) -> None:
    function = Function(name="bad", folder=tmp_path, requirements="no-such-package-x ==0.0.1 !")
    with pytest.raises(ImageError, match=r"function bad do not install: ERROR: Invalid req"):
        build_image(function, home=tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} <= {".packages"}


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(ImageError, match="cannot build the image of hello"):
        build_image(load_function("hello"), home=blocker / "cache")


def test_unknown_functions_and_folders_without_main(tmp_path: Path) -> None:
    assert "hello" in builtin_names()
    with pytest.raises(UsageError, match=r"no function 'helo' \(did you mean hello\?\)"):
        load_function("helo")
    with pytest.raises(UsageError, match=r"has no main\.py"):
        load_function(str(tmp_path))


def test_a_layer_does_not_depend_on_the_order_of_its_entries(tmp_path: Path) -> None:
    entries = [
        LayerEntry("/b/x", content=b"1"),
        LayerEntry("/a", link_to="b"),
        folder("/tmp", 0o1777),
    ]
    first = write_layer(tmp_path, entries)
    assert write_layer(tmp_path, reversed(entries)) == first
    with tarfile.open(tmp_path / first.digest.removeprefix("sha256:")) as archive:
        assert [(m.name, m.mode, m.isdir()) for m in archive] == [
            ("a", 0o644, False),
            ("b", 0o755, True),
            ("b/x", 0o644, False),
            ("tmp", 0o1777, True),
        ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def main(args)\n    return {}\n", r"main\.py:1 does not compile: expected ':'"),
        ("return 1\n", r"main\.py:1 does not compile: 'return' outside function"),
        ("x = 1\n", r"has no function main\(args: dict\) -> dict"),
        ("def handler(args): return {}\n", "has no function main"),
        ("class C:\n    def main(self): pass\n", "has no function main"),
        ("def f():\n    main = 1\n", "has no function main"),
        ("async def main(args): return {}\n", "is asynchronous"),
        ("def main(args): return '\0'\n", "null bytes"),
        ("# coding: klingon\n", "unknown encoding"),
        ("x = " + "(" * 5000 + ")" * 5000, "does not compile|cannot be read"),
    ],
)
def test_a_main_that_cannot_be_served(source: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(source)
    with pytest.raises(UsageError, match=words) as caught:
        load_function(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "def main(args): return {}",
        "from handler import handle as main",
        "from handler import *",
        "main = lambda args: {}",
        "main: object = print",
        "a, main = 1, print",
        "try:\n    from fast import main\nexcept ImportError:\n    def main(args): return {}",
        "if True:\n    pass\nelse:\n    def main(args): return {}",
        "import sys\ndef main(args):\n    '\\d'\n    return {}",
    ],
)
def test_a_main_may_come_about_in_many_ways(source: str, tmp_path: Path) -> None:
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "main.py").write_text(source)
    assert load_function(str(folder)).name == "function"


@pytest.mark.parametrize("name", ["with space", "-dash", "ünicode", "a..b", "a" * 49])
def test_a_folder_that_no_container_can_be_named_after(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "main.py").write_text("def main(args): return {}")
    with pytest.raises(UsageError, match="cannot be a container's"):
        load_function(str(folder))


def test_requirements_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def main(args): return {}")
    (tmp_path / "reqs.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"reqs\.txt cannot be read"):
        load_function(str(tmp_path))


def test_requirements_that_contradict_the_server_are_pips_to_refuse(tmp_path: Path) -> None:
    function = Function(name="old", folder=tmp_path, requirements="flask==2.0.0")
    with pytest.raises(ImageError, match=r"function old do not install: ERROR: .*conflicting"):
        build_image(function)


def test_options_are_part_of_the_content(hello: BuiltImage) -> None:
    gunicorn = build_image(load_function("hello"), BuildOptions("gunicorn"))
    shipped = build_image(load_function("hello"), BuildOptions(byte_code=True))
    assert len({hello.name, gunicorn.name, shipped.name}) == 3
    layers = [[layer["digest"] for layer in layers_of(i)] for i in (hello, gunicorn, shipped)]
    # With byte code: the same layers, and two more on top.
    assert layers[2][:-2] == layers[0]
    # Another server: its own packages above Flask's, and the server's files; the rest is shared.
    assert len(set(layers[1]) - set(layers[0])) == 2
    names: list[str] = []
    for digest in layers[2][-2:]:
        with tarfile.open(blob_path(shipped.layout, digest)) as archive:
            names += [m.name for m in archive if m.isfile()]
    assert all(name.endswith(".pyc") for name in names)
    assert any(name.startswith("app/__pycache__/main.") for name in names)
    with pytest.raises(
        UsageError, match="no server 'apache'; there are: flask, gunicorn, http_server"
    ):
        BuildOptions("apache")


def test_packages_hold_nothing_of_this_host(hello: BuiltImage) -> None:
    gunicorn = build_image(load_function("hello"), BuildOptions("gunicorn"))
    for layer in layers_of(gunicorn):
        with tarfile.open(blob_path(gunicorn.layout, layer["digest"])) as archive:
            assert not [m.name for m in archive if "site-packages/bin/" in m.name]
            for record in (m for m in archive if m.name.endswith("dist-info/RECORD")):
                content = archive.extractfile(record)
                assert content is not None
                assert b"../bin/" not in content.read()
