"""`python -m genstudio.TASK.train NAME ...`: training as a script, for launchers of several processes.

`genstudio train TASK/NAME ...` is the same as a command.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from genstudio.errors import Stopped, StudioError
from genstudio.training import run
from genstudio.training.options import TrainOptions


def main(task: str, arguments: Sequence[str] | None = None) -> int:
    """Train the recipe of `task` that `arguments` (sys.argv[1:]) name; returns the exit code.

    The arguments are the fields of `TrainOptions`.
    """
    parser = argparse.ArgumentParser(
        f"python -m genstudio.{task}.train", allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("recipe", metavar="NAME", help="name of the recipe, without its task")
    for name, field in TrainOptions.model_fields.items():
        kind = {"action": "store_true"} if field.annotation is bool else {}
        if field.default == ():
            kind = {"action": "append"}
        parser.add_argument(
            f"--{name.strip('_').replace('_', '-')}",
            dest=name,
            required=field.is_required(),
            help=(field.description or "").replace("%", "%%"),
            **kind,
        )
    values = vars(parser.parse_args(arguments))
    recipe = f"{task}/{values.pop('recipe')}"
    try:
        # Not the module that runs as a script: a class of that one is no class of any other module.
        sitting = run.train(import_module(f"genstudio.{task}.train"), recipe, TrainOptions(**values))
    except StudioError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    result = sitting.result
    return Stopped.exit_code if result and result.stopped and not result.finished else 0
