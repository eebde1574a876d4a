"""Nothing in, pictures out."""

import importlib
import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from genstudio.cli import process
from genstudio.cli.app import JSON, TASK
from genstudio.errors import UsageError
from genstudio.generate.options import GenerateOptions
from genstudio.tasks import TASKS

if TYPE_CHECKING:
    from genstudio.generate.files import Enlarge

_OUT = (
    "A folder for numbered PNGs, made if missing, or a file for one picture; with --grid, --like, "
    "--interpolate or --walk a file."
)
_DEFAULTS = GenerateOptions()


def generate(
    out: Annotated[Path, Parameter(help=_OUT)],
    /,
    *,
    options: Annotated[GenerateOptions, TASK] = _DEFAULTS,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Make pictures like those a model was trained on, films between them, or the likeness of a photo."""
    from rich.console import Console
    from rich.progress import Progress

    from genstudio.generate import files
    from genstudio.generate.pipeline import Generate

    if str(options.like) in ("-", process.STDIO):
        raise UsageError("--like: expected the path of a photo, found -; name one")
    files.check(options, out)
    generator = Generate.from_options(options)
    enlarge = _enlarger() if options.upscale else None
    console = Console(stderr=True)
    count = 0
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(generator.model, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        for written in files.write(generator, options, out, enlarge=enlarge, progress=progress):
            count += 1
            if json:
                row = {"target": str(written.path), **written.facts}
                print(jsonlib.dumps(row, ensure_ascii=False), flush=True)
    what = "" if count == 1 else f"{count} pictures of "
    print(f"{out}: {what}{generator.model}, seed {options.seeds}", file=sys.stderr)


def _enlarger() -> "Enlarge":
    """The default upscaler. Tasks do not know of one another; the table knows of them all."""
    module, _, name = TASKS["upscale"].pipeline.partition(":")
    upscaler: Enlarge = getattr(importlib.import_module(module), name).from_weights()
    return upscaler
