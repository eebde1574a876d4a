"""Pictures in, pictures out: a command for each task that restores."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from genstudio.cli import process
from genstudio.cli.app import FILES, JSON, TASK
from genstudio.denoise.options import DenoiseOptions
from genstudio.errors import OutputError, UsageError
from genstudio.options import FileOptions
from genstudio.stylize.options import StylizeOptions
from genstudio.tasks import TASKS
from genstudio.upscale.options import UpscaleOptions

if TYPE_CHECKING:
    from genstudio.batch import Job, Plan, Progress, Result
    from genstudio.images import Picture

_IN_AND_OUT = (
    "IN: a file, several, a folder, or - for standard input. "
    "OUT: a file, a folder (several pictures need one; end a new one with /), or - for standard output."
)
_UPSCALE, _DENOISE, _FILE_DEFAULTS = UpscaleOptions(), DenoiseOptions(), FileOptions()


def upscale(
    *paths: Annotated[str, Parameter(name="IN... OUT", help=_IN_AND_OUT)],
    options: Annotated[UpscaleOptions, TASK] = _UPSCALE,
    files: Annotated[FileOptions, FILES] = _FILE_DEFAULTS,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Enlarge pictures, 1 to 16 times."""
    restore("upscale", paths, options, files, json)


def denoise(
    *paths: Annotated[str, Parameter(name="IN... OUT", help=_IN_AND_OUT)],
    options: Annotated[DenoiseOptions, TASK] = _DENOISE,
    files: Annotated[FileOptions, FILES] = _FILE_DEFAULTS,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Remove the noise from pictures."""
    restore("denoise", paths, options, files, json)


def restore(
    task: str,
    paths: Sequence[str],
    options: UpscaleOptions | DenoiseOptions | StylizeOptions,
    files: FileOptions,
    json: bool,
    *,
    ready: Callable[[Any], Any] = lambda restorer: restorer,
    begun: Callable[["Job"], None] = lambda job: None,
) -> None:
    """Run a task on every picture of IN and write the results to OUT.

    Args:
        ready: called with the restorer before the first picture; returns the restorer to use.
        begun: called with each job before its picture is read.
    """
    from genstudio import batch
    from genstudio.cli import display

    *inputs, output = _in_and_out(task, paths, json)
    the_plan = batch.plan(inputs, output, files, options.name_fields())
    refuse_name_of_file(the_plan, output)
    module, _, name = TASKS[task].pipeline.partition(":")
    restorer = ready(getattr(importlib.import_module(module), name).from_options(options))

    def work(picture: "Picture", progress: "Progress") -> "Picture":
        done: Picture = restorer.restore(
            picture, lambda width, height: restorer.plan(width, height, options), progress
        )
        return done

    def facts(picture: "Picture") -> dict[str, Any]:
        of_this = restorer.facts(picture.width, picture.height, picture.dtype, options)
        return {key: getattr(of_this, key) for key in ("models", "device", "engine", "precision", "tile_px")}

    def steps(started: Callable[["Job"], None], progress: "Progress") -> "Iterator[Result]":
        def both(job: "Job") -> None:
            begun(job)
            started(job)

        return batch.run(
            the_plan,
            work,
            files,
            fields=options.name_fields,
            size=options.size,
            facts=facts,
            started=both,
            progress=progress,
        )

    display.run(steps, the_plan, json)


def refuse_name_of_file(plan: "Plan", output: str) -> None:
    """Raise OutputError where OUT would be a new folder with a picture's name; a file was meant."""
    from genstudio import images

    is_name = images.is_picture_name(Path(output)) and not output.endswith(("/", os.sep))
    if plan.is_batch and is_name and not os.path.isdir(output):  # noqa: PTH112 - Path's raises for one too long
        raise OutputError(
            f"{output}: expected a folder for several pictures, found a file's name; name a folder as OUT"
        )


def _in_and_out(task: str, paths: Sequence[str], json: bool) -> list[str]:
    """The paths, with - restored; raises UsageError for what a terminal or a pipe cannot do."""
    if len(paths) < 2:
        raise UsageError(
            f"expected IN and OUT, found {paths[0] if paths else 'neither'}; see genstudio {task} --help"
        )
    names = ["-" if path == process.STDIO else path for path in paths]
    if names[-1] == "-" and json:
        raise UsageError("expected --json or a picture on standard output, found both; name a file as OUT")
    if names[-1] == "-" and sys.stdout.isatty():
        raise UsageError(
            "expected standard output to go to a file or a program, found a terminal; add > FILE"
        )
    if "-" in names[:-1] and sys.stdin.isatty():
        raise UsageError("expected a picture on standard input, found a terminal; add < FILE, or name a file")
    return names
