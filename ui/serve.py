"""From the launcher's options to a page that is served, until Ctrl-C."""

import contextlib
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genstudio.cli.ui import PageOptions
from genstudio.errors import UsageError

if TYPE_CHECKING:
    from .runs import Trainer

BYTES_A_PIXEL = 8  # of the largest files there are: 16 bits, alpha, not compressed
SESSIONS = 40  # whose state is kept, half a MB each; a program's single call is one as well, and never closed
MCP_FILES = 16  # that a language model can send at a time


def serve(options: PageOptions) -> None:
    """Serve the page until Ctrl-C. Raises UsageError as `start`."""
    if options.auth is None and options.is_public:
        who = "the internet" if options.share else "whoever reaches this machine"
        print(
            f"genstudio: the page is open to {who}, without a password; --auth USER:PASSWORD sets one",
            file=sys.stderr,
        )
    with tempfile.TemporaryDirectory(prefix="genstudio-") as folder, contextlib.suppress(KeyboardInterrupt):
        page = start(options, folder)
        print(f"genstudio: {page.share_url or page.local_url} (Ctrl-C ends it)", file=sys.stderr)
        try:
            page.server.thread.join()
        finally:
            page.close(verbose=False)


def start(options: PageOptions, folder: str) -> Any:
    """Start to serve the page in the background, a gradio.Blocks; all its files lie in `folder`.

    Raises UsageError for an address that is another's, a port in use, a password that cannot be meant, and no
    folder to train in.
    """
    user, _, password = (options.auth or "").partition(":")
    if options.auth is not None and not (user and password):
        raise UsageError(f"--auth: expected USER:PASSWORD, found {options.auth!r}")
    if not _is_ours(options.host):
        raise UsageError(f"--host: expected an address of this machine, found {options.host}; choose another")
    # Read when gradio is imported, and when its components are made.
    os.environ |= {
        "GRADIO_TEMP_DIR": folder,
        "GRADIO_EXAMPLES_CACHE": folder,
        "GRADIO_ANALYTICS_ENABLED": "False",
        # What it otherwise keeps, and counts anew, of every event.
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    }

    from .app import CSS, JS, build, theme
    from .guard import guards

    models = options.allow_models or not options.is_public
    page = build(options.max_pixels, trainer=_trainer(options), models=models)
    # Who works and who waits is for `jobs` to say; everything else must answer at once.
    page.queue(default_concurrency_limit=None, max_size=200)
    try:
        page.launch(
            server_name=options.host,
            server_port=options.port,
            auth=(user, password) if options.auth else None,
            share=options.share,
            mcp_server=options.mcp,
            max_file_size=options.max_pixels * BYTES_A_PIXEL,
            max_threads=100,
            state_session_capacity=SESSIONS,
            footer_links=["api"],
            run_history=False,
            enable_monitoring=False,
            show_error=True,
            prevent_thread_lock=True,
            quiet=True,
            theme=theme(),
            css=CSS,
            js=JS,
            app_kwargs={"middleware": guards(options)},
        )
    except OSError:
        raise UsageError(
            f"--port: expected one that is free on {options.host}, found {options.port}; choose another"
        ) from None
    if options.mcp:
        _take_lists_of_files(page.mcp_server_obj)
        if options.auth:
            _let_in(page, user, password)
    return page


def _is_ours(host: str) -> bool:
    with contextlib.suppress(OSError):
        family, *_ = socket.getaddrinfo(host, None)[0]
        socket.create_server((host, 0), family=family).close()
        return True
    return False


def _trainer(options: PageOptions) -> "Trainer | None":
    """What trains, where that is offered."""
    if options.is_public and not options.allow_train:
        return None
    if options.is_public and options.train_root is None:
        raise UsageError(
            "expected --train-root with --allow-train where others reach the page, found none; name a folder"
        )
    root = (options.train_root or Path()).resolve()
    if not root.is_dir():
        raise UsageError(f"--train-root: expected a folder, found none at {root}; check its path")

    from .runs import Root, Trainer

    return Trainer(Root(root))


def _let_in(page: Any, user: str, password: str) -> None:
    """Gradio's MCP server asks the page as anybody does, and has not logged in. (Who may ask it: `guard`.)"""
    from gradio_client import Client

    page.mcp_server_obj._client_instance = Client(
        page.local_url,
        auth=(user, password),
        headers={"x-gradio-user": "mcp"},
        download_files=False,
        verbose=False,
        analytics_enabled=False,
        _skip_components=False,
    )


def _take_lists_of_files(mcp: Any) -> None:
    """Gradio's MCP server makes files of addresses where the schema says so, but not within lists."""
    schema_of = mcp.get_input_schema

    def with_lists(*args: Any) -> Any:
        schema, places = schema_of(*args)
        lists = [place[:-1] for place in places if place[-1] == "items"]
        return schema, [*places, *([*each, k] for each in lists for k in range(MCP_FILES))]

    mcp.get_input_schema = with_lists
