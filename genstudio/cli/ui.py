"""The page's launcher."""

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated

from pydantic import Field

import genstudio
from genstudio.cli.app import TASK
from genstudio.options import Options

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class PageOptions(Options):
    """Where the page is served, to whom, and what it takes."""

    host: str = Field(
        default="127.0.0.1", description="Address to serve on: this machine alone; 0.0.0.0 is every address."
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port to serve on.")
    auth: str | None = Field(default=None, description="USER:PASSWORD that the page then asks for.")
    max_pixels: int = Field(
        default=100_000_000, ge=1, description="The most pixels that a picture, and a result, may have."
    )
    share: bool = Field(default=False, description="Open a tunnel through gradio.live, for a week at most.")
    mcp: bool = Field(
        default=False, description="Offer every action to language models as well, as an MCP tool."
    )
    allow_train: bool = Field(
        default=False, description="Offer training to others too; on this machine alone it is."
    )
    train_root: Path | None = Field(
        default=None,
        description="Folder that pictures to train on are below, and runs are written to; the current one if "
        "not given, except for others.",
    )
    allow_models: bool = Field(
        default=False,
        description="Offer import and removal of models to others too; on this machine alone it is.",
    )

    @property
    def is_public(self) -> bool:
        """Whether others than those on this machine reach the page."""
        return self.share or self.host not in LOOPBACK


_DEFAULTS = PageOptions()


def ui(*, options: Annotated[PageOptions, TASK] = _DEFAULTS) -> None:
    """Open the studio as a web page: everything the shell can do, for people who would rather look."""
    if importlib.util.find_spec("genstudio.ui") is None:
        # A checkout that is not installed: there the page lies beside the package.
        genstudio.__path__.append(str(Path(genstudio.__file__).parent.parent))
    importlib.import_module("genstudio.ui.serve").serve(options)
