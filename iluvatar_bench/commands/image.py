"""The image commands: on disk without ``--address``, in a running containerd with it.

Images on disk are OCI layouts (``functions.images``); a run imports the one it needs into its
containerd. What is built, imported or pulled without ``--address`` is what
``run ... --function NAME`` finds.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iluvatar_bench.commands.output import example, print_plain, print_rows
from iluvatar_bench.host.socket_address import socket_path
from iluvatar_bench.host.writable import require_writable

if TYPE_CHECKING:
    from iluvatar_bench.functions import StoredImage

image_app = typer.Typer(no_args_is_help=True, help="Function images.")

Address = Annotated[
    Path | None,
    typer.Option(
        parser=socket_path,
        metavar="SOCKET",
        help="socket of a running containerd; default: images on disk",
    ),
]
Snapshotter = Annotated[str, typer.Option(help="with --address: where the image is unpacked")]
ReadyText = Annotated[
    str | None,
    typer.Option(help="what the function's stderr says once it is ready; default: the image's"),
]


@image_app.command(
    "build",
    epilog=example("image build hello", "image build ./my-function --server gunicorn --byte-code"),
)
def image_build(
    function: Annotated[
        str, typer.Argument(help="built-in function, or a folder with main.py (and reqs.txt)")
    ],
    server: Annotated[
        str, typer.Option(help="what serves it: flask, gunicorn or http_server")
    ] = "flask",
    byte_code: Annotated[bool, typer.Option("--byte-code", help="ship byte code")] = False,
) -> None:
    """Build a function's image (an OCI layout); one that is there already is found again."""
    from iluvatar_bench.functions import BuildOptions, build_image, load_function

    # The options check the server's name.
    options = BuildOptions(server=server, byte_code=byte_code)  # type: ignore[arg-type]
    image = build_image(load_function(function), options)
    print_plain(f"{image.name}  {image.digest}  {image.layer_count} layers")
    print_plain(f"{'found' if image.from_cache else 'built'}: {image.layout}")


@image_app.command("list", epilog=example("image list"))
def image_list(address: Address = None) -> None:
    """The images on disk, or those of our namespace in a running containerd."""
    rows: list[tuple[str, ...]]
    if address is None:
        from iluvatar_bench.functions.images import list_images

        rows = [
            (image.name, image.digest, f"{image.layer_count} layers", f"{image.size / 1e6:.1f} MB")
            for image in list_images()
        ]
    else:
        rows = [*asyncio.run(_images_in_daemon(address))]
    if rows:
        print_rows((), rows)
    else:
        print_plain("no image")


@image_app.command(
    "import",
    epilog=example(
        "image import image.tar --ready-text Running",
        "image import hello --address /run/containerd/containerd.sock",
    ),
)
def image_import(
    archive: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="OCI or docker save archive (tar, tar.gz); with --address also an image on disk "
            "by its name, or a function",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="which image of several, by its name in the archive")
    ] = None,
    ready_text: ReadyText = None,
    address: Address = None,
    snapshotter: Snapshotter = "overlayfs",
) -> None:
    """Take the image for this host out of an archive: onto disk, or into a running containerd."""
    path = Path(archive).expanduser()
    if address is None:
        from iluvatar_bench.functions.images import store_archive

        image = store_archive(path, name=name, ready_text=ready_text)
        print_plain(f"{image.name}  {image.digest}  {image.layer_count} layers")
        print_plain(f"imported: {image.layout}")
    elif path.is_file():
        print_plain(asyncio.run(_import_into(address, path, name, snapshotter)))
    else:
        from iluvatar_bench.functions.exported import image_on_disk

        print_plain(asyncio.run(_give_to(address, image_on_disk(archive), snapshotter)))


@image_app.command(
    "export", epilog=example("image export hello hello.tar", "image export ./my-function my.tar")
)
def image_export(
    name: Annotated[str, typer.Argument(help="image on disk, or a function: built if need be")],
    archive: Annotated[Path, typer.Argument(help="the tar to write: an OCI archive")],
) -> None:
    """Write an image as an archive that any containerd takes (ctr -n NAMESPACE image import)."""
    from iluvatar_bench.functions.exported import export_image, image_on_disk

    require_writable(archive)
    image = image_on_disk(name)
    export_image(image, archive)
    print_plain(f"{image.name}  {image.digest}  {image.layer_count} layers")
    print_plain(f"exported: {archive}")


@image_app.command("pull", epilog=example("image pull docker.io/library/python:3.12-slim"))
def image_pull(
    reference: Annotated[str, typer.Argument(help="as in docker.io/library/busybox:latest")],
    ready_text: ReadyText = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="for a registry of your own without TLS")
    ] = False,
    address: Address = None,
    snapshotter: Snapshotter = "overlayfs",
) -> None:
    """Pull an image from a registry: onto disk, or into a running containerd."""
    from iluvatar_bench.functions.pulled import pull_into, pull_onto_disk

    if address is None:
        image = asyncio.run(pull_onto_disk(reference, ready_text=ready_text, plain_http=plain_http))
        print_plain(f"{image.name}  {image.digest}  {image.layer_count} layers")
        print_plain(f"pulled: {image.layout}")
    else:
        digest = asyncio.run(
            pull_into(address, reference, snapshotter=snapshotter, plain_http=plain_http)
        )
        print_plain(f"{reference}  {digest}  in {address}")


@image_app.command("remove", epilog=example("image remove hello"))
def image_remove(
    name: Annotated[str, typer.Argument(help="the image's name, digest or folder")],
    address: Address = None,
) -> None:
    """Remove an image from disk, or from our namespace in a running containerd."""
    if address is None:
        from iluvatar_bench.functions.images import remove_image

        print_plain(f"removed {remove_image(name).layout}")
    else:
        asyncio.run(_remove_from(address, name))
        print_plain(f"removed {name} from {address}")


async def _images_in_daemon(address: Path) -> list[tuple[str, str]]:
    from iluvatar_bench.containerd.client import connect

    async with connect(address) as client:
        return [(record.name, record.target.digest) for record in await client.images.list()]


async def _import_into(address: Path, archive: Path, name: str | None, snapshotter: str) -> str:
    from iluvatar_bench.containerd.client import connect
    from iluvatar_bench.containerd.oci.image_archive import import_archive

    async with connect(address) as client:
        image = await import_archive(client, archive, snapshotters=[snapshotter], name=name)
        return f"{image.name}  {image.digest}  in {address}"


async def _give_to(address: Path, stored: StoredImage, snapshotter: str) -> str:
    from iluvatar_bench.containerd.client import connect
    from iluvatar_bench.containerd.oci.image_import import import_layout

    async with connect(address) as client:
        image = await import_layout(
            client, stored.layout, name=stored.name, snapshotters=[snapshotter]
        )
        return f"{image.name}  {image.digest}  in {address}"


async def _remove_from(address: Path, name: str) -> None:
    from iluvatar_bench.containerd.client import connect

    async with connect(address) as client:
        # With its content and snapshots, as far as nobody else needs them.
        await client.images.delete(name, sync=True)
