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
    """Where the page is served, to whom, and what visitors may do."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to serve on. The default reaches this machine only; 0.0.0.0 is every address.",
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port to serve on.")
    auth: str | None = Field(default=None, description="USER:PASSWORD that visitors have to enter.")
    max_pixels: int = Field(
        default=100_000_000,
        ge=1,
        description="Largest number of pixels of an uploaded picture, and of a result.",
    )
    share: bool = Field(
        default=False, description="Open a public tunnel through gradio.live, for a week at most."
    )
    mcp: bool = Field(
        default=False, description="Also offer every action to language models, as an MCP tool."
    )
    allow_train: bool = Field(
        default=False,
        description="Allow training when others can reach the page; on this machine alone it is always "
        "allowed.",
    )
    train_root: Path | None = Field(
        default=None,
        description="Folder that holds the training pictures and the runs. By default the current one, "
        "unless others can reach the page.",
    )
    allow_models: bool = Field(
        default=False,
        description="Allow import and removal of models when others can reach the page; on this machine "
        "alone they are always allowed.",
    )

    @property
    def is_public(self) -> bool:
        """Whether the page can be reached from other machines."""
        return self.share or self.host not in LOOPBACK


_DEFAULTS = PageOptions()


def ui(*, options: Annotated[PageOptions, TASK] = _DEFAULTS) -> None:
    """Open the studio as a web page that offers every command's options."""
    if importlib.util.find_spec("genstudio.ui") is None:
        # A checkout that is not installed: there the page lies beside the package.
        genstudio.__path__.append(str(Path(genstudio.__file__).parent.parent))
    importlib.import_module("genstudio.ui.serve").serve(options)
