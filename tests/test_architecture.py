"""The house keeps its shape: imports go down only, heavy libraries are imported late, and one table names
the tasks."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from genstudio.tasks import TASKS

ROOT = Path(__file__).parent.parent


def test_import_contracts() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "genstudio",
        "genstudio.tasks",
        "genstudio.classify.options",
        "genstudio.denoise.options",
        "genstudio.generate.options",
        "genstudio.stylize.options",
        "genstudio.upscale.options",
    ],
)
def test_light_modules_import_neither_torch_nor_gradio(module: str) -> None:
    code = (
        f"import {module}, sys, json; print(json.dumps([m for m in ('torch', 'gradio') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("task", TASKS)
def test_the_table_points_at_what_exists(task: str) -> None:
    row = TASKS[task]
    for path in (row.pipeline, row.options, row.recipes):
        module, _, name = path.partition(":")
        assert hasattr(import_module(module), name)
    recipes = import_module(row.recipes.partition(":")[0]).RECIPES
    assert all(name.startswith(f"{task}/") and recipe.name == name for name, recipe in recipes.items())


def test_public_names_are_lazy_and_misspelt_ones_named() -> None:
    import genstudio

    assert genstudio.Upscale.__name__ == "Upscale"
    with pytest.raises(AttributeError, match="Upscail"):
        _ = genstudio.Upscail
