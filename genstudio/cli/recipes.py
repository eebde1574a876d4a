"""The recipes there are: what each makes, what it needs and what it cost, as their docstrings tell it."""

import ast
import difflib
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from genstudio.errors import UsageError
from genstudio.tasks import TASKS
from genstudio.training.recipe import Recipe


@dataclass(frozen=True)
class Row:
    """A recipe: `needs` are the options of its command, `about` is its docstring's first sentence."""

    recipe: Recipe
    needs: str
    about: str


def module_of(name: str) -> ModuleType:
    """The train module of the task of recipe TASK/NAME. Raises UsageError, with the nearest of all recipes'
    names, where there is no such recipe."""
    task = name.partition("/")[0]
    if task in TASKS:
        module = _module(task)
        if name in module.RECIPES:
            return module
    names = [each.recipe.name for each in rows()]
    bare = {each.partition("/")[2]: each for each in names}
    near = difflib.get_close_matches(name, names, n=2)
    near += [bare[each] for each in difflib.get_close_matches(name.rpartition("/")[2], bare, n=2)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "genstudio train --list shows all"
    raise UsageError(f"expected a recipe TASK/NAME, found {name!r}; {hint}")


def rows() -> Iterator[Row]:
    """All recipes, task by task. Loads what trains, torch with it."""
    for task in TASKS:
        module = _module(task)
        said = _docstrings(module)
        for name, recipe in module.RECIPES.items():
            text = said.get(name, "")
            command = re.search(rf"genstudio train {re.escape(name)} (.+)", text)
            prose = " ".join(re.sub(r"^ *genstudio train .*$", "", text, flags=re.MULTILINE).split())
            yield Row(recipe, command[1] if command else "", re.split(r"(?<=\w)[.;:] ", prose)[0].rstrip("."))


def _module(task: str) -> ModuleType:
    return importlib.import_module(TASKS[task].recipes.partition(":")[0])


def _docstrings(module: ModuleType) -> dict[str, str]:
    """By a recipe's name, the text that stands after it in its module."""
    body = ast.parse(inspect.getsource(module)).body
    found: dict[str, str] = {}
    for assignment, text in itertools.pairwise(body):
        if (
            isinstance(assignment, ast.Assign)
            and isinstance(assignment.targets[0], ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            recipe = getattr(module, assignment.targets[0].id)
            if isinstance(recipe, Recipe):
                found[recipe.name] = text.value.value
    return found
