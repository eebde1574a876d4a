"""The tab with the cards of what is installed, where models of others are imported and removed again."""

import re
from pathlib import Path
from typing import Any

import gradio as gr

from genstudio import weights
from genstudio.errors import UsageError, WeightsError
from genstudio.weights import cards
from genstudio.weights.file import SUFFIX

from ..studio import Studio, loaded, plainly
from ..weights import refill
from ..widgets import FILES_PX

KINDS = [".safetensors", ".pth", ".pt", ".ckpt"]
_NAME = re.compile(r"\w[\w-]{0,63}")
_PLAIN = re.compile(r"[^\w .,;:()/+-]")  # what a card could take for more than text


def tab(studio: Studio) -> None:
    gr.Markdown("What is installed, and models of others: ESRGAN, SwinIR, DAT, SCUNet and the like.")
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            file = gr.File(label="Model file", file_types=KINDS, height=FILES_PX, elem_id="model-file")
            name = gr.Textbox(
                label="Name",
                value="",
                placeholder="the file's own",
                max_lines=1,
                info="What it is called afterwards.",
            )
            license = gr.Textbox(
                label="Licence",
                value="",
                placeholder="not stated",
                max_lines=1,
                info="As its makers state it.",
            )
            button = gr.Button("Import", variant="primary", elem_id="run-import")
            with gr.Accordion("Remove", open=False):
                unwanted = gr.Dropdown(
                    imported(), value=None, label="Imported model", interactive=True, elem_id="unwanted"
                )
                remove = gr.Button("Remove", variant="stop", elem_id="run-remove")
        with gr.Column(scale=3, min_width=300):
            model = gr.Dropdown(names(), value=names()[0], label="Model", interactive=True, elem_id="card-of")
            text = gr.Markdown(card_of(names()[0]), label="Card", elem_id="card")
    for each in (model, unwanted):  # models come and go
        each.api_info = lambda: {"type": "string"}
    studio.model_lists += [(model, names), (unwanted, imported)]

    def import_model(
        file: str,
        name: str = "",
        license: str = "",
        request: gr.Request = None,
        progress: Any = gr.Progress(),
    ) -> Any:
        """Import a model of the community: what it holds becomes weights with a name; nothing of it is run.

        Args:
            file: A .safetensors, or a .pth, .pt or .ckpt of tensors alone.
            name: What it is called afterwards; the file's own name if empty.
            license: Of the weights, as their makers state it.
        """
        with studio.turn(request, "models", progress, file):
            added = adopted(file, name, license)
            refill(studio)
            return gr.Dropdown(names(), value=added), card_of(added), None, ""

    def remove_model(name: str | None) -> Any:
        """Remove a model that was imported.

        Args:
            name: TASK/NAME of the model.
        """
        with plainly():
            removed(name or "")
            refill(studio)
            first = names()[0]
            return gr.Dropdown(names(), value=first), card_of(first), gr.Dropdown(imported(), value=None)

    def card(name: str) -> str:
        """The card of a model: what it is for, trained on, measured at.

        Args:
            name: TASK/NAME of the model.
        """
        with plainly():
            return card_of(name)

    studio.model_events += [
        button.click(
            import_model,
            [file, name, license],
            [model, text, file, name],
            api_name="import_model",
            show_progress_on=[text],
            concurrency_limit=None,
        ),
        remove.click(remove_model, unwanted, [model, text, unwanted], api_name="remove_model"),
    ]
    model.change(card, model, text, api_name="card", show_progress="hidden")


def names() -> list[str]:
    return [each.name for each in weights.installed()]


def imported() -> list[str]:
    """Those that can be removed: of others, and in the user's own folder."""
    home = weights.own()
    return [
        each.name
        for each in weights.installed()
        if each.header.arch == weights.COMMUNITY and each.path.is_relative_to(home)
    ]


def card_of(name: str) -> str:
    """Raises UsageError where there is no such model."""
    for each in weights.installed():
        if each.name == name:
            return cards.card(each.name, each.header, each.path)
    raise UsageError(f"expected a model that is installed, found {name!r}; choose another")


def adopted(file: str | None, name: str, license: str) -> str:
    """Import a model file; its TASK/NAME.

    Raises:
        UsageError: no file, no name, or one that is taken.
        WeightsError: the file is damaged, would run code, or holds no model for pictures.
    """
    if not file:
        raise UsageError("expected a model file, found none; drop one first")
    path = Path(file)
    name = name.strip() or re.sub(r"[^\w-]+", "-", path.stem).strip("-")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"expected a name of at most 64 letters, digits and dashes, found {name!r}; choose another"
        )
    if path.suffix.lower() == SUFFIX and weights.is_ours(path):
        raise WeightsError(
            f"{path}: expected a model of others, found weights of genstudio; "
            "put the file into your folder of weights"
        )

    from genstudio.engines import adoption

    target = adoption.adopt(path, weights.own(), name, _PLAIN.sub("", license)[:200])
    return f"{target.parent.name}/{target.stem}"


def removed(name: str) -> None:
    """Remove a model that was imported. Raises UsageError for any other."""
    if name not in imported():
        raise UsageError(f"expected a model that was imported, found {name!r}; the others stay")
    (weights.own() / f"{name}{SUFFIX}").unlink(missing_ok=True)
    loaded.cache_clear()
