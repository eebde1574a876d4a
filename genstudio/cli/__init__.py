"""The commands: each parses, calls and renders; nothing here computes.

    app.py        the app that commands are added to
    process.py    how a command begins and ends: streams, signals, errors, exit codes
    display.py    what a person sees of a batch, and of the weights
    pictures.py stylize.py classify.py generate.py    the tasks
    training.py evaluate.py compare.py models.py bench.py ui.py    the other commands

Options come from the tasks' own models.
"""

import sys
from collections.abc import Sequence

from genstudio.cli import (  # noqa: F401  (each adds its commands)
    bench,
    classify,
    compare,
    evaluate,
    generate,
    models,
    pictures,
    process,
    stylize,
    training,
    ui,
)
from genstudio.cli.app import app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. `arguments` are sys.argv[1:] if not given."""
    return process.run(app, sys.argv[1:] if arguments is None else arguments)
