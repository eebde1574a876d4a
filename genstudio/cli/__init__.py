"""The commands: each parses, calls and renders; nothing here computes.

Options come from the tasks' own models. How a command begins and ends is `shell`'s.
"""

import sys
from collections.abc import Sequence

from genstudio import shell
from genstudio.cli import (  # noqa: F401  (each adds its commands)
    bench,
    classify,
    evaluate,
    generate,
    models,
    pictures,
    stylize,
    training,
    ui,
)
from genstudio.cli.app import app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. `arguments` are sys.argv[1:] if not given."""
    return shell.run(app, sys.argv[1:] if arguments is None else arguments)
