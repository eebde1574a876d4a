"""genstudio: generate, stylize, upscale, denoise and classify pictures.

from genstudio import Upscale
big = Upscale.from_weights("compact-x4")(Image.open("small.png"), scale=4)
"""

from importlib import import_module
from typing import Any

__all__ = ["Classify", "Denoise", "Generate", "Stylize", "Upscale"]


def __getattr__(name: str) -> Any:
    """The version and the tasks' classes, found when first used: `import genstudio` alone stays light."""
    if name == "__version__":
        return import_module("importlib.metadata").version("genstudio")
    for task in import_module("genstudio.tasks").TASKS.values():
        module, _, cls = task.pipeline.partition(":")
        if cls == name:
            return getattr(import_module(module), cls)
    raise AttributeError(f"module 'genstudio' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
