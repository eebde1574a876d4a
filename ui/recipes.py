"""What the page's training is in the shell: the words of `genstudio train` and `genstudio export`."""

import re
from importlib import import_module
from typing import Any

from genstudio import weights
from genstudio.errors import Stopped, UsageError
from genstudio.tasks import TASKS
from genstudio.training.options import TrainOptions

from .jobs import Job
from .runs import Command, Root, read

_RECIPE = re.compile(r"([a-z]+)/\w[\w.-]*")
_WORD = re.compile(r"\w[\w-]{0,63}")


def recipes() -> list[str]:
    """TASK/NAME of every recipe. Loads what trains, torch with it."""
    tables = (task.recipes.partition(":") for task in TASKS.values())
    return [name for module, _, table in tables for name in getattr(import_module(module), table)]


def words(root: Root, recipe: str, run: str, options: TrainOptions, *, resume: bool) -> list[str]:
    """The shell's words for a run below the root.

    Raises UsageError for a recipe or a run that cannot be meant, and for whatever lies outside the root.
    """
    known = _RECIPE.fullmatch(recipe or "")
    if known is None or known[1] not in TASKS:
        raise UsageError(f"expected a recipe TASK/NAME, found {recipe!r}; choose one of the list")
    out = root.run(run)
    if (out / "recipe.json").is_file() != resume:
        raise UsageError(
            f"expected a run to go on with, found none called {run}; Start begins one"
            if resume
            else f"{run} is a run already; Resume goes on with it, or choose another name"
        )
    given: dict[str, Any] = options.model_dump(exclude_unset=True)
    data = root.below(str(options.data))
    # Where there is no such folder it may be a set that goes by its name, which the command knows.
    given["data"] = data if data.is_dir() or not _WORD.fullmatch(str(options.data)) else options.data
    if options.styles is not None:
        given["styles"] = root.pictures(str(options.styles))
    if options.validate_ is not None:
        given["validate_"] = root.pictures(str(options.validate_))
    for text in (options.metric or "", *(setting.partition("=")[2] for setting in options.set)):
        root.below(text)  # weights may be named by a path
    said = ["train", recipe, f"--out={out}", *(["--resume"] if resume else [])]
    for name, value in given.items():
        flag = f"--{name.strip('_').replace('_', '-')}"
        if isinstance(value, bool):
            said += [flag] if value else []
        else:
            said += [f"{flag}={each}" for each in (value if isinstance(value, tuple) else (value,))]
    return said


def exported(root: Root, job: Job, run: str, name: str, license: str, advice: str, evaluate: str) -> str:
    """Write a run's weights into the user's own folder; their TASK/NAME.

    Raises:
        UsageError: no such run, a name that is taken, something not said; and what the command says.
        Stopped: the job was.
    """
    out = root.run(run)
    task = read(out).recipe.partition("/")[0]
    if not task:
        raise UsageError(f"expected a run, found none called {run!r}; choose one of the list")
    if not _WORD.fullmatch(name) or f"{task}/{name}" in {each.name for each in weights.installed(task)}:
        raise UsageError(f"expected a new name of letters, digits and dashes, found {name!r}; choose another")
    for what, said in {"the licence of the pictures": license, "advice, in one line,": advice}.items():
        if not said:
            raise UsageError(f"expected {what} for the weights' card, found none; say it")
    options = {"name": f"{task}/{name}", "data-license": license, "advice": advice, "folder": weights.own()}
    if evaluate:
        options["evaluate"] = root.pictures(evaluate)
    command = Command(["export", str(out), *(f"--{k}={v}" for k, v in options.items())], root)
    while (code := command.code()) is None:
        job.say(None, "writing and measuring the weights" if evaluate else "writing the weights")
        if job.stopped():
            command.ask_to_end()
            raise Stopped("stopped; nothing was written")
        command.wait(0.5)
    if code:
        raise UsageError(command.said or f"the export ended with {code}")
    return f"{task}/{name}"
