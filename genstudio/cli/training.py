"""From pictures to a run, from a run to weights."""

import json as jsonlib
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from genstudio import weights
from genstudio.cli.app import TASK
from genstudio.errors import Stopped
from genstudio.training.options import TrainOptions

if TYPE_CHECKING:
    from genstudio.training.run import Sitting


def train(recipe: str, /, *, options: Annotated[TrainOptions, TASK]) -> None:
    """Train a model by its recipe, upscale/compact-x4 for example; the run is a folder.

    genstudio train --list shows all recipes.

    Parameters
    ----------
    recipe
        TASK/NAME of the weights to make.
    """
    from genstudio.cli.recipes import module_of
    from genstudio.training import run

    module = module_of(recipe)
    sitting = run.train(module, recipe, options)
    result = sitting.result
    if result is None:
        print(jsonlib.dumps(asdict(sitting.recipe), indent=2))
        print(f"ready to train on {sitting.pictures} pictures in {sitting.run}", file=sys.stderr)
        return
    so_far = f"{sitting.run}: step {result.step} of {sitting.recipe.steps} after {result.minutes:.0f} minutes"
    print(f"{so_far}; {_todo(sitting)}", file=sys.stderr)
    if result.stopped and not result.finished:
        raise Stopped(f"stopped; {sitting.run} is saved")


def recipes() -> None:
    """Show all recipes: what they make, what they need, and what they cost."""
    from genstudio.cli.recipes import rows

    for row in rows():
        print(f"{row.recipe.name}  {row.needs}  {row.recipe.steps:,} steps")
        if row.about:
            print(f"    {row.about}")


def _todo(sitting: "Sitting") -> str:
    """What can be done with a run now: a command that works as it stands, or how to go on."""
    if sitting.result is None or not sitting.result.finished:
        return "--resume goes on"
    task, _, name = sitting.recipe.name.partition("/")
    free, n = f"my-{name}", 1
    while (weights.own() / task / f"{free}.safetensors").exists():
        n += 1
        free = f"my{n}-{name}"  # an upscaler's name ends in its scale
    words = ["genstudio", "export", str(sitting.run), "--name", f"{task}/{free}"]
    return shlex.join([*words, "--data-license", "unknown", "--advice", f"trained by {sitting.recipe.name}"])


def export(
    run: Path,
    /,
    *,
    name: Annotated[str, Parameter(help="TASK/NAME of the weights.")],
    data_license: Annotated[str, Parameter(help="Licence of the pictures trained on.")],
    advice: Annotated[str, Parameter(help="When to use these weights, in one line.")],
    teacher_license: Annotated[
        str | None, Parameter(help="Licence of the model whose answers were learned from, if any were.")
    ] = None,
    evaluate: Annotated[
        tuple[Path, ...], Parameter(help="Folder of pictures to measure on, for the header; repeatable.")
    ] = (),
    folder: Annotated[
        Path | None, Parameter(help="Folder of weights to write into; your own if not given.")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace weights of that name.", negative=())] = False,
) -> None:
    """Write a run's weights as a file that describes itself, with its index line and its card.

    Parameters
    ----------
    run
        Folder of the run.
    """
    from genstudio.evaluate.publish import publish

    target = publish(
        run,
        name,
        data_license=data_license,
        advice=advice,
        teacher_license=teacher_license,
        evaluate=evaluate,
        folder=folder,
        overwrite=overwrite,
    )
    print(target)
