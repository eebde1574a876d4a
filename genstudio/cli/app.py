"""The app, its table of commands, and the parameters that many of them have."""

import sys
from typing import Any, NamedTuple

from cyclopts import App, Group, Parameter

from genstudio.cli import process

# OpenVINO's converter and its telemetry are not used here, and cost 0.12 s of `import openvino`.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]


class Command(NamedTuple):
    """A command, as the list of commands needs it; its module is imported when the command is run.

    Attributes:
        function: "module:function" within `genstudio.cli`.
        arguments: what follows the command's name in its usage line.
        help: the function's docstring (a test compares them); its first line is shown in the list.
    """

    function: str
    arguments: str
    help: str


COMMANDS = {
    "upscale": Command("pictures:upscale", "IN... OUT", "Enlarge pictures, 1 to 16 times."),
    "denoise": Command("pictures:denoise", "IN... OUT", "Remove the noise from pictures."),
    "stylize": Command(
        "stylize:stylize", "CONTENT STYLE [STYLE ...] OUT", "Give pictures the style of others."
    ),
    "classify": Command(
        "classify:classify",
        "IN...",
        "Name what is in pictures: the likeliest classes and their probabilities.",
    ),
    "generate": Command(
        "generate:generate",
        "OUT",
        "Make pictures like those a model was trained on, films between them, or the likeness of a photo.",
    ),
    "train": Command(
        "training:train",
        "RECIPE --data DIR",
        "Train a model by its recipe, upscale/compact-x4 for example; the run is a folder.\n\n"
        "genstudio train --list shows all recipes.",
    ),
    "export": Command(
        "training:export",
        "RUN --name TASK/NAME",
        "Write a run's weights as a file that describes itself, with its index line and its card.",
    ),
    "evaluate": Command(
        "evaluate:evaluate", "COMMAND", "Measure a model by a protocol that anyone can repeat."
    ),
    "compare": Command(
        "compare:compare",
        "OUT PICTURES... --models NAME,...",
        "Show the same details of pictures by several models on one sheet.\n\n"
        "A row for each picture: the input enlarged pixel by pixel, what each model makes of it, and the "
        "truth.",
    ),
    "models": Command(
        "models:models", "[NAME]", "List the weights on this machine, or show the card of one."
    ),
    "bench": Command(
        "bench:bench",
        "",
        "Measure this machine, and each net that enlarges or denoises on each engine: a few minutes.",
    ),
    "ui": Command(
        "ui:ui",
        "",
        "Open the studio as a web page that offers every command's options.",
    ),
}


def _version() -> str:
    from genstudio import __version__

    return __version__


def _default(value: Any) -> Any:
    """How --help shows a default: empty values not at all, several names as they are typed."""
    if value in (False, "", ()):
        return None
    return ",".join(value) if isinstance(value, tuple) else value


app = App(
    name="genstudio",
    help="An image studio: enlarge, clean and recognise pictures with weights that ship, train your own.",
    help_epilogue="Exit codes:\n\n" + "\n".join(process.exit_codes()),
    help_format="plaintext",
    version=_version,
    default_parameter=Parameter(negative=(), show_default=_default),
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_OPTIONS = Group("Options", sort_key=1)
_FILE_OPTIONS = Group("Files", sort_key=3)

for _name, _command in COMMANDS.items():
    _usage = " ".join(["Usage: genstudio", _name, *_command.arguments.split(), "[OPTIONS]"])
    _of_function = {} if _name == "evaluate" else {"usage": _usage}  # an App has its own
    app.command(f"genstudio.cli.{_command.function}", name=_name, help=_command.help, **_of_function)

# `train --list`, which takes neither a recipe nor pictures, as `train` must.
LIST_RECIPES = "train --list"
app.command("genstudio.cli.training:recipes", name=LIST_RECIPES, show=False)

# Of a model whose fields are a command's options.
TASK = Parameter(name="*", group=_OPTIONS)
FILES = Parameter(name="*", group=_FILE_OPTIONS)
JSON = Parameter(group=_FILE_OPTIONS, help="One line of JSON for each picture on standard output.")
