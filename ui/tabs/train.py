"""The tab that trains: a recipe, a folder of pictures, and what becomes of it to look at while it goes on."""

import html
import shutil
from collections.abc import Mapping
from typing import Any

import gradio as gr

from genstudio.errors import UsageError
from genstudio.training.options import TrainOptions

from ..layout import SHOW, on_stop
from ..recipes import exported, recipes, words
from ..runs import Record, Trainer, read
from ..studio import Studio, plainly, session_of
from ..weights import refill
from ..widgets import Knobs, described

BEGIN = "Choose a recipe and a folder of pictures, and start."
LOOK_EVERY_S = 2
SAMPLES = 6  # shown, the newest first
# What the page decides itself: a run's place, and whether it goes on.
OF_RUNS = {"out", "resume", "dry_run"}


def tab(studio: Studio, trainer: Trainer, its_tab: gr.Tab) -> None:
    gr.Markdown("Train a model of your own on pictures that lie on the machine that serves this page.")
    knobs = Knobs(TrainOptions, hidden=OF_RUNS, widgets=_own_widgets())
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=2, min_width=300):
            recipe = _choice("Recipe", "TASK/NAME of the weights to make.", elem_id="recipe")
            knobs.place("data")
            with gr.Row():
                knobs.place("steps", "minutes")
            run = _choice("Run", "A new name, or a run there is, to look at and go on with.", elem_id="run")
            with gr.Row():
                start = gr.Button("Start", variant="primary", scale=2, min_width=90, elem_id="run-train")
                resume = gr.Button("Resume", scale=1, min_width=90, elem_id="resume-train")
                stop = gr.Button("Stop", scale=1, min_width=80, elem_id="stop-train")
            knobs.place_rest()
            with gr.Accordion("Export", open=False):
                name = gr.Textbox(label="Name", max_lines=1, info="What the weights are called afterwards.")
                license = gr.Textbox(label="Licence", max_lines=1, info="Of the pictures trained on.")
                advice = gr.Textbox(label="Advice", max_lines=1, info="When to use these weights.")
                evaluate = _choice("Measure on", "A folder of pictures, for the card; may be left empty.")
                write = gr.Button("Export", elem_id="run-export")
                written = gr.Markdown(label="Report", elem_id="report-export")
        with gr.Column(scale=3, min_width=300):
            report = gr.Markdown(BEGIN, label="Report", elem_classes="report", elem_id="report-train")
            losses, scores = _plot("Losses"), _plot("On pictures held back")
            samples = gr.Gallery(
                label="Samples, the newest first",
                columns=2,
                object_fit="contain",
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id="samples",
            )
    shown = [report, losses, scores, samples]
    data, styles = knobs.components["data"], knobs.components["styles"]
    seen = gr.State()
    timer = gr.Timer(LOOK_EVERY_S, active=False)
    root = trainer.root

    def look(run: str, request: gr.Request, record: Record) -> tuple[Any, ...]:
        curves = [_frame(rows) for rows in (record.losses, record.scores)]
        return _said(trainer, run, record), *curves, _samples(studio, session_of(request), run, record)

    def opened(run: str) -> list[Any]:
        folders, runs = root.folders(), root.runs()
        last = run or trainer.name or next(iter(runs), "")
        return [
            gr.Dropdown(recipes(), interactive=True),
            gr.Dropdown(runs, value=last, interactive=True),
            *(gr.Dropdown(folders, interactive=True) for _ in (data, styles, evaluate)),
        ]

    def chosen(run: str, request: gr.Request) -> tuple[Any, ...]:
        record = _record(trainer, run)
        alike = [folder for folder in root.folders() if folder.rpartition("/")[2] == record.data]
        folder = alike[0] if len(alike) == 1 else gr.skip()  # a run knows no more of its data than their name
        return record.recipe or gr.skip(), folder, *look(run, request, record)

    def glance(run: str, before: Any, request: gr.Request) -> tuple[Any, ...]:
        record = _record(trainer, run)
        now = (run, record.step, len(record.losses), len(record.scores))
        if now == before:
            return _said(trainer, run, record), gr.skip(), gr.skip(), gr.skip(), now
        return *look(run, request, record), now

    def begin(
        recipe: str, run: str, request: gr.Request, values: Mapping[str, Any], *, resume: bool
    ) -> tuple[Any, ...]:
        with plainly():
            run = run or recipe.partition("/")[2]
            if not values.get("data"):
                raise UsageError("expected a folder of pictures, found none; choose one")
            given = knobs.read({**values, "set": (values.get("set") or "").splitlines()})
            trainer.start(run, words(root, recipe, run, given, resume=resume), given.steps)
            return gr.Dropdown(value=run), *look(run, request, _record(trainer, run))

    def train(recipe: str, run: str = "", request: gr.Request = None, **values: Any) -> Any:
        return begin(recipe, run, request, values, resume=False)

    def go_on(recipe: str, run: str = "", request: gr.Request = None, **values: Any) -> Any:
        return begin(recipe, run, request, values, resume=True)

    def stop_train(request: gr.Request) -> None:
        """Stop the run at work, which is saved first, or this session's export."""
        if not trainer.stop() and not studio.jobs.stop(session_of(request), "train"):
            gr.Info("There is nothing to stop.", duration=3)

    def watch(run: str) -> dict[str, Any]:
        """Say how a run is: its losses, and its scores on pictures held back.

        Args:
            run: The run's name.
        """
        with plainly():
            record = read(root.run(run))
            return {
                "report": trainer.report(run, record),
                "losses": record.losses,
                "scores": record.scores,
            }

    def export(
        run: str,
        name: str,
        license: str,
        advice: str,
        evaluate: str = "",
        request: gr.Request = None,
        progress: Any = gr.Progress(),
    ) -> str:
        """Write a run's weights as a file that describes itself; from then on they are found by their name.

        Args:
            run: The run's name.
            name: What the weights are called afterwards.
            license: Of the pictures trained on.
            advice: When to use these weights, in one line.
            evaluate: A folder of pictures to measure on.
        """
        with studio.turn(request, "train", progress) as job:
            made = exported(root, job, run, name.strip(), license.strip(), advice.strip(), evaluate)
            refill(studio)
            return f"**{html.escape(made)}** is among the models"

    def on_this_tab(event: gr.SelectData) -> Any:
        return gr.Timer(active=event.value == "Train")

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    # Recipes stand in modules that take a while to be loaded: only who comes here waits for them.
    its_tab.select(opened, run, [recipe, run, data, styles, evaluate], **private)
    studio.tabs.select(on_this_tab, None, timer, **private)
    timer.tick(glance, [run, seen], [*shown, seen], **private)
    run.change(chosen, run, [recipe, data, *shown], **private)
    gr.api(watch, api_name="watch")
    help_of = {"recipe": "TASK/NAME of the weights to make.", "run": "The run's name; the recipe's if empty."}
    for button, work, called, summary in (
        (start, train, "train", "Train a model by its recipe, on the server."),
        (resume, go_on, "resume", "Go on with a run, exactly where it was stopped."),
    ):
        button.click(None, js=SHOW % "run-train", api_visibility="private")
        button.click(
            described(work, called, summary, [knobs], **help_of),
            [recipe, run],
            [run, *shown],
            inputs_kwargs=knobs.components,
            api_name=called,
            show_progress_on=[report],
            concurrency_limit=None,
        )
    on_stop(stop, stop_train)
    studio.model_events.append(
        write.click(
            export,
            [run, name, license, advice, evaluate],
            written,
            api_name="export",
            show_progress_on=[written],
            concurrency_limit=None,
        )
    )


def _choice(label: str, info: str, **more: Any) -> gr.Dropdown:
    """A list that is filled when the tab is opened, until when it waits; it takes other words as well."""
    choice = gr.Dropdown(
        [], value="", label=label, info=info, allow_custom_value=True, interactive=False, **more
    )
    choice.api_info = lambda: {"type": "string"}
    return choice


def _own_widgets() -> dict[str, Any]:
    fields = TrainOptions.model_fields
    below = "A folder below the root that this page was started with"
    return {
        "data": _choice(
            "Pictures", f"{below}, for classify with a folder for each class.", render=False, elem_id="data"
        ),
        "styles": _choice("Styles", f"{below}, with the pictures that styles are taken from.", render=False),
        "set": gr.Textbox(
            label="Set",
            info=(fields["set"].description or "").replace("repeatable", "one on each line"),
            lines=2,
            elem_id="set",
            interactive=True,
            render=False,
        ),
    }


def _plot(label: str) -> gr.LinePlot:
    return gr.LinePlot(
        None,
        x="step",
        y="value",
        color="name",
        label=label,
        height=270,
        x_title="step",
        y_title=" ",
        color_title=" ",
        elem_classes="plot",
    )


def _frame(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(rows, columns=["step", "name", "value"]) if rows else None


def _record(trainer: Trainer, run: str) -> Record:
    with plainly():
        return read(trainer.root.run(run)) if run else Record()


def _said(trainer: Trainer, run: str, record: Record) -> str:
    said = html.escape(trainer.report(run, record), quote=False)
    return f"**{html.escape(run)}**: {said}" if said else BEGIN


def _samples(studio: Studio, session: str, run: str, record: Record) -> list[tuple[str, str]] | None:
    """The newest of a run's pictures, copied to where the session may read them."""
    newest = sorted(record.samples.items(), reverse=True)[:SAMPLES]
    if not newest:
        return None
    place = studio.sessions.folder(session, f"samples-{run}")
    for k, source in newest:
        copy = place / f"{k}.png"
        if not copy.exists() or copy.stat().st_mtime < source.stat().st_mtime:
            shutil.copyfile(source, copy)
    return [(str(place / f"{k}.png"), f"step {k:,}") for k, _ in newest]
