"""The commands: each parses, calls and renders; nothing here computes.

Options come from the tasks' own models. How a command begins and ends is `process`'s.
"""

import sys
from collections.abc import Sequence

from genstudio.cli import (  # noqa: F401  (each adds its commands)
    bench,
    classify,
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
