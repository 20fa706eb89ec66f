"""``mien serve``, and ``mien keys`` for its API keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from .help import HelpCommand, HelpGroup
from .options import option

if TYPE_CHECKING:
    from ..serve.keys import KeyFile

_PACKAGES = ("fastapi", "uvicorn", "pydantic_settings", "prometheus_client", "sqlalchemy", "alembic", "structlog")


def _folder(text: str) -> Any:
    return typer.Option(metavar="DIR", help=text, file_okay=False)


DataDir: TypeAlias = Annotated[Path | None, _folder("Files of the server. Default: mien-server.")]


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen at. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port to listen at. Default: 8000.", min=0, max=65535)
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as TOML.", dir_okay=False)] = None,
    data_dir: DataDir = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Model: default, tiny, accurate or an .onnx file.")
    ] = None,
    registry: Annotated[Path | None, _folder("Serve the promoted model of a registry.")] = None,
    keep_images: Annotated[bool, option("Safety", "Keep the crop of each face.", "--keep-images")] = False,
    insecure: Annotated[bool, option("Safety", "Let other machines connect without API keys.", "--insecure")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; repeatable."),
    ] = None,
) -> None:
    """Serve readings over HTTP: images, faces, videos, streams, metrics.

    Settings come from options, MIEN_SERVE_* variables and the file of --config, in this order. All are listed in
    docs/guides/server.md. No image is stored without --keep-images. Stop with Ctrl-C.

    Examples:
      mien serve
      mien serve --port 9000 --set max_files=4
      mien keys add clinic && mien serve --host 0.0.0.0
      curl -F files=@photo.jpg http://127.0.0.1:8000/v1/images
    """
    from ..extras import check_installed

    check_installed(_PACKAGES, "serve")
    from ..serve.server import serve as run
    from ..serve.settings import load_settings
    from .options import field_changes

    given = {"host": host, "port": port, "data_dir": data_dir, "model": model, "registry": registry}
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen |= {name: True for name, value in (("keep_images", keep_images), ("insecure", insecure)) if value}
    run(load_settings(config, {**chosen, **field_changes(changes or [])}))


keys = typer.Typer(
    name="keys", help="Manage the API keys of 'mien serve'.", cls=HelpGroup, no_args_is_help=True, rich_markup_mode=None
)


@keys.command(cls=HelpCommand)
def add(
    name: Annotated[str, typer.Argument(help="Who uses the key.")],
    *,
    data_dir: DataDir = None,
    rate: Annotated[
        int | None, typer.Option(metavar="N", help="Requests per minute. Default: as the server is set.", min=1)
    ] = None,
) -> None:
    """Make a key and print it; only its hash is stored."""
    typer.echo(_key_file(data_dir).add(name, rate))


@keys.command("list", cls=HelpCommand)
def list_keys(*, data_dir: DataDir = None) -> None:
    """List the keys: name, creation, revocation."""
    for key in _key_file(data_dir).read():
        typer.echo(f"{key.name}\t{key.created}\t{f'revoked {key.revoked}' if key.revoked else 'valid'}")


@keys.command(cls=HelpCommand)
def revoke(name: Annotated[str, typer.Argument(help="Name of the key.")], *, data_dir: DataDir = None) -> None:
    """Refuse a key from now on, also by a server that runs."""
    _key_file(data_dir).revoke(name)


def _key_file(data_dir: Path | None) -> KeyFile:
    from ..extras import check_installed

    check_installed(_PACKAGES, "serve")
    from ..serve.keys import KeyFile
    from ..serve.settings import load_settings

    return KeyFile(load_settings(None, {"data_dir": data_dir} if data_dir else {}).keys_file)
