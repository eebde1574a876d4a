"""The app that commands are added to, and the parameters that many of them have."""

import sys
from typing import Any

from cyclopts import App, Group, Parameter

from genstudio import __version__
from genstudio.cli import process

# What converts nets of other kinds, and counts its users: 0.12 s of `import openvino`, and unused.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]


def _default(value: Any) -> Any:
    """What --help shows of a default: nothing where it says nothing; several names as they are typed."""
    if value in (False, "", ()):
        return None
    return ",".join(value) if isinstance(value, tuple) else value


app = App(
    name="genstudio",
    help="An image studio: enlarge, clean and recognise pictures with weights that ship, train your own.",
    help_epilogue="Exit codes:\n\n" + "\n".join(process.exit_codes()),
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

# Of a model whose fields are a command's options.
TASK = Parameter(name="*", group=_OPTIONS)
FILES = Parameter(name="*", group=_FILE_OPTIONS)
JSON = Parameter(group=_FILE_OPTIONS, help="One line of JSON for each picture on standard output.")
