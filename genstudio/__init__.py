"""genstudio: generate, stylize, upscale, denoise and classify pictures.

from genstudio import Upscale
big = Upscale.from_weights("compact-x4")(Image.open("small.png"), scale=4)
"""

from importlib import import_module, metadata
from typing import Any

__version__ = metadata.version("genstudio")


def __getattr__(name: str) -> Any:
    """The tasks' classes, imported when first used: `import genstudio` alone stays light."""
    for task in import_module("genstudio.tasks").TASKS.values():
        module, _, cls = task.pipeline.partition(":")
        if cls == name:
            return getattr(import_module(module), cls)
    raise AttributeError(f"module 'genstudio' has no attribute {name!r}")
