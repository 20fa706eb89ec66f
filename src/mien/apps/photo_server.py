"""The photo app on a port of this machine, until it is stopped."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..extras import check_installed, require
from ..redaction import Privacy
from .photo_flags import Flags
from .photo_page import page
from .photo_reading import Readers
from .words import CARD_STYLE, check_address, reach

if TYPE_CHECKING:
    from ..serve.store import Store

_STYLE = Path(__file__).with_name("photo_style.css")
#: Larger uploads are refused while they arrive.
_MAX_UPLOAD = "50mb"
#: What ``--share`` means, before anything is shared.
SHARING = (
    "--share makes the page public: anyone with its link can use it. Gradio downloads a program for the tunnel once, and "
    "every image then travels through Gradio's servers."
)


@dataclass(frozen=True)
class PhotoApp:
    """Choices for serving the app, as ``mien app photo --help`` describes them; without ``port``, the first free one.

    Corrections are also stored in the database ``feedback``, the URL or SQLite file of ``mien serve``, if it is given.
    """

    port: int | None = None
    host: str = "127.0.0.1"
    model: str = "default"
    emotions: str | None = None
    flags: Path = Path("mien-flags")
    feedback: str | None = None
    share: bool = False
    open_browser: bool = True
    privacy: Privacy = field(default_factory=Privacy)


def serve(app: PhotoApp, report: Callable[[str], None] = lambda _text: None) -> None:
    """Serve the app until Ctrl-C or a request to end; ``report`` is called with what the user should know.

    Uploaded images lie in a folder of their own among the system's temporary files, which is removed at the end. Raises
    ``OptionError`` where the port is taken, or the host is none of this machine's, and ``OutputError`` where the database
    cannot be used.
    """
    check_installed(["gradio"], "gradio")
    if app.feedback:
        check_installed(["sqlalchemy", "alembic"], "serve")
    if app.share:
        report(SHARING)
    check_address(app.host, app.port or 0)
    readers = Readers(app.model, app.emotions, app.privacy)
    with ExitStack() as stack:
        store = stack.enter_context(_store(app.feedback)) if app.feedback else None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-app-"))
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder).resolve())  # read when Gradio is imported and when it runs
        gr = require("gradio", "gradio")
        flags = Flags(app.flags.absolute(), readers.sha256, store)
        blocks = page(gr, readers, flags, reach(app.host, shared=app.share))
        try:
            address, public = _launched(gr, blocks, app)
            report(f"mien photo app: {address}   (Ctrl-C ends it)")
            if app.share:
                report(f"public link: {public}" if public else "No public link could be made; the page is local only.")
            _wait_for_end()
        finally:
            blocks.close(verbose=False)


@contextmanager
def _store(place: str) -> Iterator[Store]:
    from ..serve.store import Store, database_url  # noqa: PLC0415 - needs the extra ``serve``

    store = Store(database_url(place))
    try:
        yield store
    finally:
        store.close()


def _launched(gr: Any, blocks: Any, app: PhotoApp) -> tuple[str, str | None]:
    try:
        _, address, public = blocks.launch(
            server_name=app.host,
            server_port=app.port,
            share=app.share,
            inbrowser=app.open_browser,
            theme=_theme(gr),
            css_paths=[_STYLE, CARD_STYLE],
            max_file_size=_MAX_UPLOAD,
            footer_links=["api", "settings"],
            run_history=False,  # the browser would keep copies of what was read
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            ssr_mode=False,
            prevent_thread_lock=True,
            show_error=True,
            quiet=True,
        )
    except (OSError, ValueError) as error:  # no free port is left, or a proxy is in the way
        raise OptionError(
            f"the app cannot be reached at {app.host}, port {app.port or '7860 to 7959'}: {error}",
            hint="Choose another --port or --host; behind a proxy, set NO_PROXY=localhost,127.0.0.1.",
        ) from error
    return address, public


def _theme(gr: Any) -> Any:
    """Calm colors, and the fonts of the user's own system."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    )


def _wait_for_end() -> None:
    """Wait for Ctrl-C or SIGTERM; both leave in good order, so that no image stays behind."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: sys.exit(0))
    ended = threading.Event()
    while not ended.wait(3600):
        pass
