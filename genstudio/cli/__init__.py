"""The commands: each parses, calls and renders; nothing here computes.

    app.py        the app, its table of commands, and the parameters that many of them have
    process.py    how a command begins and ends: streams, signals, errors, exit codes
    display.py    progress and results of a batch, tables of weights
    pictures.py stylize.py classify.py generate.py    the tasks
    training.py recipes.py evaluate.py compare.py models.py bench.py ui.py    the other commands

Options come from the tasks' own models. The module of a command is imported when that command is run.
"""

import sys
from collections.abc import Sequence

from genstudio.cli import process
from genstudio.cli.app import LIST_RECIPES, app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. `arguments` are sys.argv[1:] if not given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if " ".join(words) == LIST_RECIPES:
        words = [LIST_RECIPES]
    return process.run(app, words)
