"""Which models there are to choose from, and what is said of them."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from genstudio import weights
from genstudio.errors import StudioError
from genstudio.options import Options

from .studio import Studio

Wanted = Callable[[weights.Header], bool]


def chooser(
    studio: Studio, task: str, model: type[Options], wanted: Wanted = lambda header: True
) -> gr.Dropdown:
    """A list of the task's models, its default first. Not drawn yet.

    Files are not offered: a page must not open what lies elsewhere on the machine.
    """
    default = model.model_fields["model"].default

    def choices() -> list[str]:
        names = [each.name.partition("/")[2] for each in weights.installed(task) if wanted(each.header)]
        families = sorted({weights.family(name) for name in names} - {"", *names})
        return list(dict.fromkeys([default, *families, *names]))

    chosen = gr.Dropdown(choices(), value=default, label="Model", interactive=True, render=False)
    studio.model_lists.append((chosen, choices))
    return chosen


def refill(studio: Studio) -> list[Any]:
    """All lists of models anew, as models came or went: for who has the page open, and for the rest."""
    updates = []
    for chosen, choices in studio.model_lists:
        names = choices()
        chosen.choices = [(name, name) for name in names]
        updates.append(gr.Dropdown(names))
    return updates


def advice(task: str, model: type[Options]) -> Callable[[str], str]:
    """When to take a model, what it was trained on, how good it is; where there is none, that."""

    def of(name: str) -> str:
        found = [
            each
            for each in weights.installed(task)
            if name in (bare := each.name.partition("/")[2], weights.family(bare))
        ]
        if not found:
            if name == "auto":
                return _of_auto(model)
            try:
                weights.find(name, task)
            except StudioError as error:
                return f"**No weights yet.** {str(error).partition(', or give')[0]}."
            return ""
        header = found[0].header
        if header.arch == weights.COMMUNITY:
            return f"{header.advice} Licence: {header.license}."
        said = [header.advice, f"Trained on {header.data}; licence of the pictures: {header.license}."]
        if header.metrics:
            first = header.metrics[0]
            said.append(f"{first.name}: {first.value:.4g} on {first.dataset} (n={first.n}).")
        return " ".join(said)

    return of


def _of_auto(model: type[Options]) -> str:
    clauses = (model.model_fields["model"].description or "").split(";")
    return next((c.strip().capitalize() for c in clauses if "auto" in c), "")
