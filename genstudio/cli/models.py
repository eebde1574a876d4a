"""The weights on this machine."""

import difflib
import json as jsonlib
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from genstudio import weights
from genstudio.errors import UsageError
from genstudio.tasks import TASKS
from genstudio.weights.cards import card


def models(
    name: str | None = None,
    *,
    task: Annotated[str | None, Parameter(help="Only this task's.")] = None,
    json: Annotated[bool, Parameter(help="One line of JSON for each instead.")] = False,
) -> None:
    """List the weights on this machine, or show the card of one.

    Parameters
    ----------
    name
        Show this one's card: what it is for, trained on, measured at.
    """
    from genstudio.cli import display

    if task is not None and task not in TASKS:
        raise UsageError(f"expected a task ({', '.join(TASKS)}), found {task!r}")
    found = weights.installed(task)
    if name is not None:
        found = [_named(name, found)]
    if json:
        for each in found:
            row = {"name": each.name, "path": str(each.path), **each.header.model_dump(mode="json")}
            print(jsonlib.dumps(row, ensure_ascii=False))
    elif name is not None:
        display.markdown(card(found[0].name, found[0].header, found[0].path))
    else:
        display.models(found)


def _named(name: str, found: Sequence[weights.Installed]) -> weights.Installed:
    matches = [each for each in found if name in (each.name, each.name.partition("/")[2])]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"{name!r} is {' and '.join(each.name for each in matches)}; give the whole name")
    known = [each.name for each in found]
    near = difflib.get_close_matches(name, [*known, *(one.partition("/")[2] for one in known)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"no model called {name!r}; {hint}there are {', '.join(known) or 'none'}")
