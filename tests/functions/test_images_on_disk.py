"""Images on disk: kept, shared, listed, found by a run, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iluvatar_bench import resolve_profile, run_cold_start
from iluvatar_bench.errors import ImageError, UsageError
from iluvatar_bench.functions import (
    BuildOptions,
    BuiltImage,
    Function,
    build_image,
    find_source,
    image_of,
    load_function,
)
from iluvatar_bench.functions.cache import image_home
from iluvatar_bench.functions.images import (
    StoredImage,
    find_image,
    list_images,
    remove_image,
    store_archive,
)
from tests.support.archives import OciDraft, docker_files, layer, write
from tests.support.outcomes import not_ok


def stored(home: Path, name: str, content: bytes = b"x") -> StoredImage:
    files = docker_files((layer("etc/x", content),), tags=(name,))
    return store_archive(write(home.parent / "a.tar", files), home=home)


def test_they_are_listed_by_name_and_found_by_name_digest_or_folder(tmp_path: Path) -> None:
    home = tmp_path / "images"
    assert list_images(home) == ()
    second, first = stored(home, "team/b:1", b"b"), stored(home, "team/a:1", b"a")
    assert list_images(home) == (first, second)
    for name in (second.name, second.digest, second.layout.name):
        assert find_image(name, home) == second
    assert find_image("team/b:2", home) is None
    (home / "no-image").mkdir()
    (home / "damaged").mkdir()
    (home / "damaged" / "index.json").write_text("{}")
    assert list_images(home) == (first, second)


def test_a_new_image_of_a_name_replaces_the_old_one(tmp_path: Path) -> None:
    home = tmp_path / "images"
    old = stored(home, "team/a:1", b"old")
    new = stored(home, "team/a:1", b"new")
    assert list_images(home) == (new,)
    assert not old.layout.exists()
    assert stored(home, "team/a:1", b"new") == new


def test_equal_blobs_are_one_file_and_go_with_the_last_image(tmp_path: Path) -> None:
    home = tmp_path / "images"
    first, second = stored(home, "a:1"), stored(home, "b:1")
    blobs = [list((image.layout / "blobs" / "sha256").iterdir()) for image in (first, second)]
    assert {p.stat().st_ino for p in blobs[0]} == {p.stat().st_ino for p in blobs[1]}
    remove_image("a:1", home)
    assert list_images(home) == (second,)
    assert all(path.exists() for path in blobs[1])
    remove_image("b:1", home)
    assert not list((home / ".blobs").iterdir())
    with pytest.raises(UsageError, match="no image 'b:1' on disk"):
        remove_image("b:1", home)


def test_two_who_remove_images_at_once_are_not_in_each_others_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has swept a blob between its listing and the look at it."""
    home = tmp_path / "images"
    stored(home, "a:1")
    listed = Path.iterdir

    def with_one_that_is_gone(folder: Path) -> Iterator[Path]:
        yield folder / "gone"
        yield from listed(folder)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", with_one_that_is_gone)
        remove_image("a:1", home)
    assert not list((home / ".blobs").iterdir())


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.tar", docker_files())
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=f"cannot keep the image of {archive}"):
        store_archive(archive, home=tmp_path / "file" / "images")


def test_what_a_run_can_be_started_with(tmp_path: Path) -> None:
    home = tmp_path / "images"
    image = stored(home, "registry.example/Team/my_fn:1.2@x")
    assert isinstance(find_source("hello", home), Function)
    found = find_source(image.name, home)
    assert isinstance(found, StoredImage)
    assert found.container_name == "my-fn"
    assert image_of(found, home=home).digest == image.digest
    with pytest.raises(UsageError, match="chosen when an image is built"):
        image_of(found, BuildOptions("gunicorn"), home=home)
    with pytest.raises(UsageError, match=r"no function 'nope'.*nor an image on disk"):
        find_source("nope", home)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hello: BuiltImage) -> Path:
    """An image cache of the test's own, on the file system of the built image."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return image_home()


def archive_of(image: BuiltImage, path: Path) -> Path:
    """The image's layout as an OCI archive, as a person would make it: tar -C layout ."""
    import tarfile

    with tarfile.open(path, "w:gz", compresslevel=1) as outer:
        outer.add(image.layout, arcname=".")
    return path


@pytest.mark.daemon
async def test_a_run_of_an_imported_image(
    hello: BuiltImage, own_cache: Path, tmp_path: Path
) -> None:
    """A function's image that went through an archive starts and answers like the built one."""
    image = store_archive(archive_of(hello, tmp_path / "hello.tar.gz"))
    assert (image.name, image.digest) == (hello.name, hello.digest)
    assert image.layout.is_relative_to(own_cache)
    result = await run_cold_start(
        resolve_profile("guarded"),
        trials=2,
        concurrency=2,
        seed=1,
        results=tmp_path / "results",
        function=image.name,
        hold_ms=(1, 1),
    )
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    assert set(result.trials["function"]) == {"hello"}
    assert result.trials["first_invoke_ms"].notna().all()


@pytest.mark.daemon
async def test_a_run_of_a_function_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my_function"
    folder.mkdir()
    (folder / "helper.py").write_text("import csv\nANSWER = 42\n")
    (folder / "main.py").write_text(
        "from helper import ANSWER\ndef main(args):\n    return {'answer': ANSWER}\n"
    )
    result = await run_cold_start(
        resolve_profile("guarded"),
        trials=2,
        concurrency=2,
        seed=1,
        results=tmp_path / "results",
        function=str(folder),
        hold_ms=(1, 1),
    )
    assert set(result.trials["outcome"]) == {"ok"}, not_ok(result.trials)
    assert set(result.trials["function"]) == {"my_function"}


async def test_factors_that_an_image_cannot_have_start_nothing(
    own_cache: Path, tmp_path: Path
) -> None:
    own_cache.parent.mkdir(parents=True)
    stored(own_cache, "a:1")
    with pytest.raises(UsageError, match="server and byte_code are chosen when"):
        await run_cold_start(
            resolve_profile("guarded", ["server=gunicorn"]),
            trials=1,
            concurrency=1,
            seed=1,
            results=tmp_path / "results",
            function="a:1",
        )
    assert not (tmp_path / "results").exists()


def test_an_archive_for_nobody_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "images"
    archive = write(tmp_path / "a.tar", OciDraft().files)
    with pytest.raises(ImageError):
        store_archive(archive, home=home)
    assert not list(home.iterdir())


def test_building_again_after_a_removal(tmp_path: Path) -> None:
    home = tmp_path / "images"
    first = build_image(load_function("hello"), home=home)
    assert not first.from_cache
    remove_image(first.name, home)
    again = build_image(load_function("hello"), home=home)
    assert (again.from_cache, again.digest) == (False, first.digest)
