"""The commands: each parses, calls and renders; nothing here computes.

Options come from the tasks' own models. How a command begins and ends is `shell`'s.
"""

import difflib
import importlib
import json as jsonlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from genstudio import __version__, shell, weights
from genstudio.cards import card, register
from genstudio.denoise.options import DenoiseOptions
from genstudio.errors import UsageError
from genstudio.options import FileOptions
from genstudio.tasks import TASKS
from genstudio.training.options import TrainOptions
from genstudio.upscale.options import EvaluateOptions, UpscaleOptions
from genstudio.weightsfile import write_atomically

if TYPE_CHECKING:
    from genstudio.batch import Progress
    from genstudio.images import Picture


def _default(value: Any) -> Any:
    """What --help shows of a default: nothing where it says nothing."""
    return None if value in (False, "", ()) else value


app = App(
    name="genstudio",
    help="An image studio: enlarge pictures with weights that ship, train your own.",
    help_epilogue="Exit codes:\n\n" + "\n".join(shell.exit_codes()),
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=(), show_default=_default),
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_OPTIONS = Group("Options", sort_key=1)
_FILE_OPTIONS = Group("Files", sort_key=3)
_TASK = Parameter(name="*", group=_OPTIONS)
_FILES = Parameter(name="*", group=_FILE_OPTIONS)
_JSON = Parameter(group=_FILE_OPTIONS, help="One line of JSON for each picture on standard output.")
_IN_AND_OUT = (
    "IN: a file, several, a folder, or - for standard input. "
    "OUT: a file, a folder (several pictures need one; end a new one with /), or - for standard output."
)
_UPSCALE, _DENOISE, _FILE_DEFAULTS = UpscaleOptions(), DenoiseOptions(), FileOptions()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. `arguments` are sys.argv[1:] if not given."""
    return shell.run(app, sys.argv[1:] if arguments is None else arguments)


_evaluate = App(
    name="evaluate", help="Measure a model by a protocol that anyone can repeat.", help_format="plaintext"
)
app.command(_evaluate)


# --- pictures in, pictures out ----------------------------------------------------------------------------


@app.command(usage="Usage: genstudio upscale IN... OUT [OPTIONS]")
def upscale(
    *paths: Annotated[str, Parameter(name="IN... OUT", help=_IN_AND_OUT)],
    options: Annotated[UpscaleOptions, _TASK] = _UPSCALE,
    files: Annotated[FileOptions, _FILES] = _FILE_DEFAULTS,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Enlarge pictures, 1 to 16 times."""
    _restore("upscale", paths, options, files, json)


@app.command(usage="Usage: genstudio denoise IN... OUT [OPTIONS]")
def denoise(
    *paths: Annotated[str, Parameter(name="IN... OUT", help=_IN_AND_OUT)],
    options: Annotated[DenoiseOptions, _TASK] = _DENOISE,
    files: Annotated[FileOptions, _FILES] = _FILE_DEFAULTS,
    json: Annotated[bool, _JSON] = False,
) -> None:
    """Take the noise out of pictures."""
    _restore("denoise", paths, options, files, json)


def _restore(
    task: str,
    paths: Sequence[str],
    options: UpscaleOptions | DenoiseOptions,
    files: FileOptions,
    json: bool,
) -> None:
    """Every picture of IN through a task, to OUT."""
    from genstudio import batch, console

    *inputs, output = _in_and_out(task, paths, json)
    the_plan = batch.plan(inputs, output, files, options.name_fields())
    module, _, name = TASKS[task].pipeline.partition(":")
    restorer = getattr(importlib.import_module(module), name).from_options(options)

    def work(picture: "Picture", progress: "Progress") -> "Picture":
        done: Picture = restorer.restore(
            picture, lambda width, height: restorer.plan(width, height, options), progress
        )
        return done

    def facts(picture: "Picture") -> dict[str, Any]:
        of_this = restorer.facts(picture.width, picture.height, picture.dtype, options)
        return {key: getattr(of_this, key) for key in ("models", "device", "precision", "tile_px")}

    steps = partial(
        batch.run, the_plan, work, files, fields=options.name_fields, size=options.size, facts=facts
    )
    console.run(steps, the_plan, json)


def _in_and_out(task: str, paths: Sequence[str], json: bool) -> list[str]:
    """The paths with - where it was meant; refuses what a terminal or a pipe cannot do."""
    if len(paths) < 2:
        raise UsageError(
            f"expected IN and OUT, found {paths[0] if paths else 'neither'}; see genstudio {task} --help"
        )
    names = ["-" if path == shell.STDIO else path for path in paths]
    if names[-1] == "-" and json:
        raise UsageError("expected --json or a picture on standard output, found both; name a file as OUT")
    if names[-1] == "-" and sys.stdout.isatty():
        raise UsageError(
            "expected standard output to go to a file or a program, found a terminal; add > FILE"
        )
    if "-" in names[:-1] and sys.stdin.isatty():
        raise UsageError("expected a picture on standard input, found a terminal; add < FILE, or name a file")
    return names


# --- weights ----------------------------------------------------------------------------------------------


@app.command
def models(
    name: str | None = None,
    *,
    task: Annotated[str | None, Parameter(help="Only this task's.")] = None,
    json: Annotated[bool, Parameter(help="One line of JSON for each instead.")] = False,
) -> None:
    """List the weights on this machine, or show the card of one.

    Parameters
    ----------
    name
        Show this one's card: what it is for, trained on, measured at.
    """
    from genstudio import console

    if task is not None and task not in TASKS:
        raise UsageError(f"expected a task ({', '.join(TASKS)}), found {task!r}")
    found = weights.installed(task)
    if name is not None:
        found = [_named(name, found)]
    if json:
        for each in found:
            row = {"name": each.name, "path": str(each.path), **each.header.model_dump(mode="json")}
            print(jsonlib.dumps(row, ensure_ascii=False))
    elif name is not None:
        console.markdown(card(found[0].name, found[0].header, found[0].path))
    else:
        console.models(found)


def _named(name: str, found: Sequence[weights.Installed]) -> weights.Installed:
    matches = [each for each in found if name in (each.name, each.name.partition("/")[2])]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"{name!r} is {' and '.join(each.name for each in matches)}; give the whole name")
    known = [each.name for each in found]
    near = difflib.get_close_matches(name, [*known, *(one.partition("/")[2] for one in known)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"no model called {name!r}; {hint}there are {', '.join(known) or 'none'}")


# --- training ---------------------------------------------------------------------------------------------


@app.command(usage="Usage: genstudio train RECIPE --data DIR [OPTIONS]")
def train(recipe: str, /, *, options: Annotated[TrainOptions, _TASK]) -> None:
    """Train a model by its recipe, upscale/compact-x4 for example; the run is a folder.

    Parameters
    ----------
    recipe
        TASK/NAME of the weights to make.
    """
    task = recipe.partition("/")[0]
    if task not in TASKS:
        raise UsageError(f"expected a recipe TASK/NAME (tasks: {', '.join(TASKS)}), found {recipe!r}")

    from genstudio.training import run

    module = importlib.import_module(TASKS[task].recipes.partition(":")[0])
    sitting = run.train(module, recipe, options)
    result = sitting.result
    if result is None:
        print(jsonlib.dumps(asdict(sitting.recipe), indent=2))
        print(f"ready to train on {sitting.pictures} pictures in {sitting.run}", file=sys.stderr)
        return
    so_far = f"{sitting.run}: step {result.step} of {sitting.recipe.steps} after {result.minutes:.0f} minutes"
    todo = f"genstudio export {sitting.run}" if result.finished else "--resume goes on"
    print(f"{so_far}; {todo}", file=sys.stderr)


@app.command(usage="Usage: genstudio export RUN --name TASK/NAME [OPTIONS]")
def export(
    run: Path,
    /,
    *,
    name: Annotated[str, Parameter(help="TASK/NAME of the weights.")],
    data_license: Annotated[str, Parameter(help="Licence of the pictures trained on.")],
    advice: Annotated[str, Parameter(help="When to use these weights, in one line.")],
    evaluate: Annotated[
        tuple[Path, ...], Parameter(help="Folder of pictures to measure on, for the header; repeatable.")
    ] = (),
    folder: Annotated[
        Path | None, Parameter(help="Folder of weights to write into; $GENSTUDIO_WEIGHTS if not given.")
    ] = None,
) -> None:
    """Write a run's weights as a file that describes itself, with its index line and its card.

    Parameters
    ----------
    run
        Folder of the run.
    """
    task = name.partition("/")[0]
    if task not in TASKS or not re.fullmatch(r"[\w-]+/\w[\w.-]*", name):
        raise UsageError(f"--name: expected TASK/NAME (tasks: {', '.join(TASKS)}), found {name!r}")
    home = folder or os.environ.get("GENSTUDIO_WEIGHTS")
    if not home:
        raise UsageError(
            "expected --folder, the folder of weights to write into, or $GENSTUDIO_WEIGHTS to be set"
        )

    from genstudio import evaluate as measure
    from genstudio.training import run as training

    for pictures in evaluate:
        measure.files(pictures)
    # Complete before it takes its place: made and measured in a folder of its own.
    with tempfile.TemporaryDirectory() as draft:
        path = Path(draft) / "draft.safetensors"
        training.export(run, path, data_license=data_license, advice=advice)
        if evaluate:
            measure.record(path, evaluate)
        header = weights.read_header(path)
        if header.task != task:
            raise UsageError(f"--name: expected {header.task}/NAME for this run, found {name!r}")
        target = Path(home) / f"{name}.safetensors"
        write_atomically(target, path.read_bytes())
    register(target)
    print(target)


@_evaluate.command(name="upscale", usage="Usage: genstudio evaluate upscale --data DIR [OPTIONS]")
def evaluate_upscale(
    *,
    options: Annotated[EvaluateOptions, _TASK],
    json: Annotated[bool, Parameter(help="One line of JSON instead of a table.")] = False,
) -> None:
    """Score an upscaler against bicubic on pictures reduced by Pillow's bicubic filter (whole scales).

    PSNR (dB) and SSIM on the Y channel without the border, as in the literature, PSNR in RGB, and LPIPS.
    """
    from genstudio import evaluate as measure

    measure.show(options, json=json)
