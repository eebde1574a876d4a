"""The table of commands: each is imported when it is run, and says of itself what the table says."""

import json
import subprocess
import sys
from importlib import import_module
from inspect import cleandoc

import pytest

from genstudio.cli.app import COMMANDS
from genstudio.tasks import TASKS


def imported_by(code: str, *modules: str) -> list[str]:
    """Those of `modules` that a fresh interpreter has imported after `code`."""
    report = (
        f"import sys, json; print(json.dumps([m for m in {modules!r} if m in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stderr)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_repeats_the_docstring(name: str) -> None:
    module, _, function = COMMANDS[name].function.partition(":")
    target = getattr(import_module(f"genstudio.cli.{module}"), function)
    text = target.help if name == "evaluate" else cleandoc(target.__doc__)
    assert text.partition("\n\nParameters\n")[0] == COMMANDS[name].help


def test_every_task_is_a_command() -> None:
    assert set(TASKS) <= set(COMMANDS)


def test_help_waits_for_no_library_that_it_does_not_need() -> None:
    heavy = ("numpy", "PIL", "pydantic", "safetensors", "torch", "genstudio.options")
    assert imported_by("from genstudio.cli import main; main(['--help'])", *heavy) == []


@pytest.mark.parametrize(
    "module", sorted({command.function.partition(":")[0] for command in COMMANDS.values()})
)
def test_the_commands_modules_import_neither_torch_nor_gradio(module: str) -> None:
    assert imported_by(f"import genstudio.cli.{module}", "torch", "gradio") == []
