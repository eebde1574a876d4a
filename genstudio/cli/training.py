"""From pictures to a run, from a run to weights."""

import importlib
import json as jsonlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from genstudio.cli.app import TASK
from genstudio.errors import Stopped, UsageError
from genstudio.tasks import TASKS
from genstudio.training.options import TrainOptions


def train(recipe: str, /, *, options: Annotated[TrainOptions, TASK]) -> None:
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
    if result.stopped and not result.finished:
        raise Stopped(f"stopped; {sitting.run} is saved")


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
